"""One small pure function a cause: a case in, the verdict on this cause out."""
