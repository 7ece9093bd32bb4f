"""The gateway in front of the blog and the API: it normalises requests and limits who sends them."""
