"""A cassette as its recorder writes it: one interaction, and the end."""

ONE = """\
interactions:
- request:
    body: {body}
    headers:
      Accept:
      - '*/*'
      - text/plain; q=0.5
      x-empty:
      - ''
    method: POST
    uri: https://api.example.com/v1/x?q=a%2Fb&b=%7e
  response:
    body:
      string: '{{"ok":true}}

        '
    headers:
      Date:
      - Wed, 19 Jul 2023 16:05:59 GMT
    status:
      code: 200
      message: OK
"""
END = "version: 1\n"
