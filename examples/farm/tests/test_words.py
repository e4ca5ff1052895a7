"""Tests of `words`."""

import unittest

from words import counts, longest, words


class Words(unittest.TestCase):
    def test_splits_at_blanks(self):
        self.assertEqual(words("one two"), ["one", "two"])

    def test_ignores_punctuation(self):
        self.assertEqual(words("one, two!"), ["one", "two"])

    def test_is_in_lower_case(self):
        self.assertEqual(words("One TWO"), ["one", "two"])

    def test_of_nothing_is_nothing(self):
        self.assertEqual(words(" .,"), [])


class Longest(unittest.TestCase):
    def test_is_the_longest(self):
        self.assertEqual(longest("a bcd ef"), "bcd")

    def test_is_the_first_of_several(self):
        self.assertEqual(longest("ab cd"), "ab")


class Counts(unittest.TestCase):
    def test_counts_each_word(self):
        self.assertEqual(counts("a b a"), {"a": 2, "b": 1})

    def test_counts_words_in_any_case(self):
        self.assertEqual(counts("A a"), {"a": 2})
