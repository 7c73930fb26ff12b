"""The command line of the platform: `python manage.py help` lists the commands."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "cyoda.settings")
    from cyoda.conf import ConfError

    try:
        from django.core.management import execute_from_command_line

        execute_from_command_line(sys.argv)
    except ConfError as error:
        sys.exit(f"cyoda: {error}")


if __name__ == "__main__":
    main()
