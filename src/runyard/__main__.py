"""Run the command line as `python -m runyard`."""

from runyard.cli.main import main

if __name__ == "__main__":
    main()
