"""The compute node of the sample orders: prices one when its transition `price again` is taken.

pip install ./clients/python
CYODA_API_URL=… CYODA_GRPC_TARGET=… CYODA_CLIENT_ID=… CYODA_CLIENT_SECRET=… python examples/orders/member.py
"""

import logging

from cyoda_member import Member

member = Member(tags=["orders"])


@member.processor("price")
def price(order):
    return order | {"total": order["quantity"] * order["unitPrice"]}


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    member.run()
