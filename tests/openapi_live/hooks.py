"""Requests that reach further than random text, and how answers in chunks are read. Loaded by schemathesis."""

import json

import schemathesis
from hypothesis import strategies as st

# Statements of each kind, which keep the database `mydb`. Some fail when they run, and some are refused.
STATEMENTS = [
    'SELECT * FROM "cpu"',
    'SELECT mean("idle"), count("note") FROM "cpu" GROUP BY "host"',
    "SELECT max(idle) FROM cpu WHERE time >= 1488326400000000000 AND time < 1488326520000000000 GROUP BY time(1m) fill(null)",
    "SELECT idle FROM cpu; SELECT used FROM absent; SELECT sum(note) FROM cpu",
    "SELECT idle / 0 FROM cpu",
    "SELECT idle FROM elsewhere.autogen.cpu",
    "SELECT idle INTO copy FROM cpu GROUP BY *",
    "SHOW DATABASES",
    "SHOW RETENTION POLICIES ON mydb",
    "SHOW MEASUREMENTS; SHOW SERIES; SHOW TAG KEYS; SHOW TAG VALUES WITH KEY = host; SHOW FIELD KEYS",
    "SHOW USERS; SHOW QUERIES; SHOW SHARDS; SHOW SHARD GROUPS; SHOW SUBSCRIPTIONS; SHOW CONTINUOUS QUERIES",
    "SHOW STATS; SHOW DIAGNOSTICS",
    "CREATE DATABASE mydb",
    "CREATE RETENTION POLICY week ON mydb DURATION 1w REPLICATION 1",
    "DROP RETENTION POLICY missing ON mydb",
    "DELETE FROM copy WHERE host = 'a'",
    "DROP MEASUREMENT missing",
    "KILL QUERY 1000000",
    "SELECT idle FROM cpu WHERE host = $host",
    "SELECT FROM",
    ";",
]

# Bodies of writes. Some lines are refused.
LINES = [
    'cpu,host=a idle=1.5,note="x" 1488326400000000000\ncpu,host=b idle=2 1488326460000000000',
    "cpu idle=1i",
    "cpu idle=true 1488326400000000000\nmem used=1i 1488326400000000000",
    "cpu,host= idle=1",
    "mem used=2i\nbroken",
    "# a comment",
    "",
]

DATABASES = ["mydb", "mydb", "mydb", "missing", ""]
POLICIES = [{}, {"rp": "autogen"}, {"rp": "missing"}]
# Mostly those of the run itself, which the parameters would override.
CREDENTIALS = [{"u": None, "p": None}] * 6 + [{"u": "admin", "p": "password"}, {"u": "admin", "p": "wrong"}]
ACCEPTED = [{}, {"Accept": "application/json"}, {"Accept": "text/csv"}, {"Accept": "application/csv"}]


def with_members(generated, members):
    """Adds members to a generated set of parameters or headers, unless it is of another kind on purpose. `None` removes a member."""

    def change(value):
        if value is not None and not isinstance(value, dict):
            return value
        merged = {**(value or {}), **members}
        return {name: member for name, member in merged.items() if member is not None}

    return generated.map_value(change) if hasattr(generated, "map_value") else change(generated)


def sometimes(strategy, **drawn):
    """Replaces members of what a strategy generates by drawn ones, in three quarters of the requests."""
    drawn = st.one_of(*[st.fixed_dictionaries(drawn)] * 3, st.just({}))
    return st.tuples(strategy, drawn).map(lambda pair: with_members(*pair))


def with_one_of(strategy, members):
    return st.tuples(strategy, st.sampled_from(members)).map(lambda pair: with_members(*pair))


@schemathesis.hook
def before_generate_query(context, strategy):
    path = context.operation.path
    if path == "/query":
        strategy = sometimes(strategy, q=st.sampled_from(STATEMENTS), db=st.sampled_from(DATABASES))
    elif path == "/write":
        strategy = with_one_of(sometimes(strategy, db=st.sampled_from(DATABASES)), POLICIES)
    else:
        return strategy
    return with_one_of(strategy, CREDENTIALS)


@schemathesis.hook
def before_generate_headers(context, strategy):
    # OpenAPI has no parameters for `Accept`.
    if context.operation.path != "/query":
        return strategy
    return with_one_of(strategy, ACCEPTED)


@schemathesis.hook
def before_generate_body(context, strategy):
    if context.operation.path == "/write":
        return st.one_of(*[st.sampled_from(LINES)] * 3, strategy)
    return strategy


@schemathesis.deserializer("application/json")
def documents(context, response):
    """Reads one document, or joins the results of those of an answer in chunks: the joined one fits the schema if each of them does."""
    text, decoder, joined, position = response.content.decode(), json.JSONDecoder(), None, 0
    while position < len(text):
        document, end = decoder.raw_decode(text, position)
        if text[end : end + 1] != "\n":
            raise ValueError("a document does not end in a newline")
        position = end + 1
        if joined is None:
            joined = document
        elif joined.keys() == document.keys() == {"results"}:
            joined["results"] += document["results"]
        else:
            raise ValueError("a document of several has no results")
    return joined


@schemathesis.deserializer("text/csv")
def text(context, response):
    return response.content.decode()


@schemathesis.check
def only_expected_server_errors(context, response, case):
    """A write may fail with 500, but only for its retention policy (`write.rp.2`); the check `not_a_server_error` does not read texts."""
    if response.status_code == 500:
        assert response.json()["error"].startswith("retention policy not found: "), response.text
