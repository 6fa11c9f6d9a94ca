"""Whose requests count: what clients may write into X-Forwarded-For, and what a proxy of ours adds to it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from tests.attack.figures import Attack, list_wrong
from tests.attack.servers import Target
from tests.attack.sockets import Headers, get

LIMIT, REQUESTS = 5, 10
_NAME = "X-Forwarded-For"


def one(form: Callable[[int], str]) -> Callable[[int], Headers]:
    return lambda n: [(_NAME, form(n))]


# What the n-th request of a client says of itself; addresses of one group are in no other.
SAME: dict[str, Callable[[int], Headers]] = {
    "ports": one(lambda n: f"10.2.0.1:{4000 + n}"),
    "with and without a port": one(lambda n: "10.2.0.2" if n % 2 else f"10.2.0.2:{n}"),
    "one network of IPv6": one(lambda n: f"2001:db8:1:1::{n + 1:x}"),
    "in brackets": one(lambda n: f"[2001:db8:1:2::{n + 1:x}]"),
    "in brackets with a port": one(lambda n: f"[2001:db8:1:3:{n:x}::1]:{443 + n}"),
    "every form of IPv6": one(
        lambda n: ("2001:db8:1:4::1", "[2001:DB8:1:4::2]", "[2001:db8:1:4::3]:443", "2001:0db8:0001:0004::4")[n % 4]
    ),
    "this host": one(lambda n: ("::1", "[::1]", "[::1]:443", f"[::1]:{n}", "0:0:0:0:0:0:0:1")[n % 5]),
    "IPv4 within IPv6": one(
        lambda n: ("10.3.0.1", "::ffff:10.3.0.1", "[::ffff:10.3.0.1]:80", "::ffff:a03:1", "10.3.0.1:9")[n % 5]
    ),
    "zones": one(lambda n: f"fe80::1%eth{n}"),
    "blanks": one(lambda n: f"{' ' * n}10.7.0.1{' ' * (n % 3)}"),
    "what the client sent first": one(lambda n: f"10.6.1.{n}, 10.6.0.1"),
    "two lines": lambda n: [(_NAME, f"10.5.1.{n}"), (_NAME, "10.5.0.1")],
}  # fmt: skip
UNDERSCORES: dict[str, Callable[[int], Headers]] = {
    "underscores after it": lambda n: [(_NAME, "10.1.0.1"), ("X_Forwarded_For", f"10.1.1.{n}")],
    "underscores before it": lambda n: [("X_Forwarded_For", f"10.1.2.{n}"), (_NAME, "10.1.0.2")],
    "one underscore": lambda n: [(_NAME, "10.1.0.3"), ("x-forwarded_for", f"10.1.3.{n}")],
    "underscores alone": lambda n: [("X_Forwarded_For", f"10.1.4.{n}")],
}
DIFFERENT: dict[str, Callable[[int], Headers]] = {
    "other addresses": one(lambda n: f"10.8.0.{n}"),
    "other networks of IPv6": one(lambda n: f"2001:db8:2:{n:x}::1"),
    "other addresses with one port": one(lambda n: f"10.8.1.{n}:443"),
}
GARBAGE = (
    *", ,,, : ::: [ ] [] []:1 [::1 ::1] [::1]x [::1]:x 1.2.3 1.2.3.4.5 999.1.1.1 1.2.3.4: 1.2.3.4:99999".split(),
    *"1.2.3.4:x unknown _hidden ::ffff: ::ffff:9.1.1.999 % ::1% ٣ 1.2.3.4;x for=1.2.3.4 -1 0x7f.1 ../.. Ã¿Ã¾".split(),
    "", " ", "\t", "1.2.3.4\t:80", '"[::1]:443"', "x" * 5000, "1" * 5000,
)  # fmt: skip


def count_allowed(url: str, make: Callable[[int], Headers]) -> int:
    return sum(get(url, "/v1/stories?per_page=1", make(n)).status == 200 for n in range(REQUESTS))


def test_whose_rate_counts(sample_index: Path, start: Callable[..., Target], attack: Attack) -> None:
    """One client in many forms is one client; many clients are many."""
    settings = [f"OUTPOST_RATE_LIMIT={LIMIT}/minute", "OUTPOST_PROXIES=1"]
    server = start(sample_index, workers=1, settings=settings)
    for kind, groups, expected in (("one client", SAME, LIMIT), ("many clients", DIFFERENT, REQUESTS)):
        allowed = {name: count_allowed(server.url, make) for name, make in groups.items()}
        wrong = [f"{name}: {number}" for name, number in allowed.items() if number != expected]
        tried = f"{kind} in {len(groups)} ways, {REQUESTS} requests each"
        attack.tell(tried, f"counted wrong: {list_wrong(wrong)}", f"none: {expected} are allowed", not wrong)
    # Granian merges the two names before the application sees them: docs/operations.md leaves them to the proxy, and
    # tests/e2e/test_nginx.py shows that nginx drops them.
    merged = [name for name, make in UNDERSCORES.items() if count_allowed(server.url, make) != LIMIT]
    tried = f"X_Forwarded_For without a proxy in {len(UNDERSCORES)} ways"
    attack.tell(tried, f"another client: {list_wrong(merged)}", "none promised: the proxy drops the name", kept=True)
    said = {text: [(_NAME, text.encode().decode("latin-1"))] for text in GARBAGE}
    statuses = {text: get(server.url, "/v1/stories?per_page=1", headers).status for text, headers in said.items()}
    wrong = [f"{text[:20]!r}: {status}" for text, status in statuses.items() if status not in (200, 400, 429)]
    attack.tell(
        f"{len(GARBAGE)} texts that are no address", f"wrong: {list_wrong(wrong)}", "200, 400 or 429", not wrong
    )
