"""Words of a text."""


def words(text):
    """The words, in lower case."""
    return "".join(c.lower() if c.isalnum() else " " for c in text).split()


def longest(text):
    """The longest word; the first of several."""
    return max(words(text), key=len, default="")


def counts(text):
    """How often each word occurs."""
    found = {}
    for word in words(text):
        found[word] = found.get(word, 0) + 1
    return found
