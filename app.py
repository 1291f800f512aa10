"""Starts the page.

python app.py --folder PATH_OR_NAME --gallery FOLDER --port 7860
"""

from ui.launch.cli import app as main

if __name__ == "__main__":
    main()
