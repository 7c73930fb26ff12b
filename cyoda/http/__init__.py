"""The ASGI edge: routing, authentication, problem documents, CORS and limits, with no rule of any plane."""
