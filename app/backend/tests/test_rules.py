"""What plain words mean to the built-in interpreter."""

import pytest

from todo.rules import Add, Complete, Delete, Rename, Show, understand


@pytest.mark.parametrize(
    ("message", "intent"),
    [
        ("add buy milk", Add("buy milk")),
        ("Please add “buy milk” to my list.", Add("“buy milk”")),
        ("add a todo: call the bank", Add("call the bank")),
        ("Create a new task called write report", Add("write report")),
        ("add a pizza stone to the shopping cart", Add("a pizza stone to the shopping cart")),
        ("add finish the report", Add("finish the report")),
        ("remind me to show up", Add("show up")),
        ("I need to delete old photos", Add("delete old photos")),
        ("don’t forget to breathe", Add("breathe")),
        ("todo: water plants", Add("water plants")),
        ("list", Show("all")),
        ("my todos", Show("all")),
        ("Show my todos!", Show("all")),
        ("what is left?", Show("open")),
        ("What is still to do?", Show("open")),
        ("which tasks are done", Show("done")),
        ("buy milk is done", Complete("buy milk")),
        ("mark #3 as done", Complete("#3")),
        ("finish the report", Complete("the report")),
        ("I've finished the report", Complete("the report")),
        ("complete everything", Complete("everything")),
        ("mark buy milk as not done", Complete("buy milk", False)),
        ("reopen 3", Complete("3", False)),
        ("buy milk is not done yet", Complete("buy milk", False)),
        ("rename buy milk to buy oat milk", Rename("buy milk", "buy oat milk")),
        ("change #3 to call mum", Rename("#3", "call mum")),
        ("delete #3 please", Delete("#3")),
        ("can you remove the first todo from my list, thanks", Delete("the first todo")),
        ("delete all done todos", Delete("all done todos")),
        ("sing me a song", None),
        ("", None),
    ],
)
def test_a_message_is_understood(message, intent):
    assert understand(message) == intent
