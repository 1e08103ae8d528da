"""What the API server says when it refuses: 403s and 401s, read from whatever text they stand in."""
