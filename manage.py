"""The command line of the platform: `python manage.py help` lists the commands."""

import gc
import os
import sys

_OBJECTS_BETWEEN_COLLECTIONS = 100_000
"""What is loaded stays: to look through it again and again would be a tenth of every start."""


def main() -> None:
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cyoda.settings")
    from cyoda.conf import ConfError

    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except ConfError as error:
        sys.exit(f"cyoda: {error}")


if __name__ == "__main__":
    main()
