"""A member to begin with: the workflow of workflow.json calls `greet`. Change the greeting and save."""

import logging

from cyoda_member import Member

member = Member(tags=["first"])


@member.processor("greet")
def greet(person):
    return person | {"greeting": f"Hello, {person['name']}!"}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    member.run()
