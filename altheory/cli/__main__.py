"""`python -m altheory.cli`."""

from altheory.cli import main

main()
