"""Patterns beyond their text: what can be told of one from its tokens, and how it is searched for in bounded time.

OS_Regex and PCRE2 come as the tokens that ar/osregex.py and ar/pcre2.py cut them into. From there it goes three ways:

literals, digits         texts that must stand in a match, and whether digits matter: why most lines meet no expression
tree, automaton, cost    its parts, its states, and from these how long a text backtracking can be borne with
parallel, steps, places  how a longer text is searched: at all its places at once, which are the bits of an integer

`pattern` makes of the last two what is searched with; `charset` and `components` serve them.
"""
