"""python -m evaluation"""

from evaluation.cli import main

if __name__ == "__main__":  # the processes of a run import this module too
    main()
