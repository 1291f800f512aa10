"""python -m retrieval"""

from retrieval.cli import main

if __name__ == "__main__":  # the reading processes import this module too
    main()
