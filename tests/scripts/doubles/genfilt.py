"""genfilt of AIX, as far as rules that deny all packets from an address go. State: that of aix.py."""

from __future__ import annotations

from typing import List

from aix import placed, read
from double import NOT_DOUBLED, End, State, network, run

USAGE = "Usage: genfilt -v 4|6 [-n fid] [-a D|P] -s s_addr -m s_mask [-d d_addr] [-M d_mask] [-g Y|N] [-c protocol] ..."
FIXED = {"a": "D", "c": "all", "r": "B", "w": "B", "i": "all"}


def genfilt(state: State, argv: List[str]) -> None:
    given, version = read(argv, "v:n:a:s:m:d:M:g:c:o:p:O:P:r:w:l:f:t:i:D:e:x:X:C:", USAGE)
    if not version or not {"s", "m"} <= set(given):
        raise End(1, USAGE)
    if any(given.get(name) != value for name, value in FIXED.items()):
        raise End(NOT_DOUBLED, f"genfilt: not doubled: {argv}")
    for address, mask in (("s", "m"), ("d", "M")):
        wrong = End(1, f"genfilt: invalid address or mask: {given.get(address)} {given.get(mask)}")
        if ("." in given.get(mask, "")) != (version == "4"):  # IPv4 has masks, IPv6 has lengths
            raise wrong
        if str(network(f"{given.get(address)}/{given[mask]}", wrong).version) != version:
            raise wrong
    table = state["table"][version]
    place = placed(state, version, given["n"], USAGE) if "n" in given else len(table)
    table.insert(place, ["deny", given["s"], given["m"], given["d"], given["M"], given.get("D", "")])
    print(f"Filter rule {place + 1} for IPv{version} has been added successfully.")


if __name__ == "__main__":
    run("genfilt", genfilt)
