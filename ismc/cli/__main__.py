"""``python -m ismc.cli`` is the command ``ismc``."""

from ismc.cli import main

main()
