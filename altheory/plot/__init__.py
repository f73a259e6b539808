"""Plot."""
