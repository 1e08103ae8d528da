"""Where snapshots come from. A source reads, reduces secrets at the border, and says what it could not read."""
