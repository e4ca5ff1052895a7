"""The built-in interpreter: what a message in plain words asks for, and the tool calls that do it. No model needed."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from .toolbox import Refused, Toolbox

HELP = ("I can add, list, complete, reopen, rename and delete your todos. Try “add buy milk”, “what is left?”, "
        "“buy milk is done”, “rename buy milk to buy oat milk” or “delete #3”.")


@dataclass(frozen=True)
class Add:
    title: str


@dataclass(frozen=True)
class Show:
    status: str


@dataclass(frozen=True)
class Complete:
    which: str
    done: bool = True


@dataclass(frozen=True)
class Rename:
    which: str
    title: str


@dataclass(frozen=True)
class Delete:
    which: str


Intent = Add | Show | Complete | Rename | Delete

NOUN = r"(?:todos?|to-?dos?|tasks?|items?|reminders?)"
LIST = rf"\s+(?:to|on|onto|in)\s+(?:my|the)\s+(?:(?:todo|to-do)\s+list|list|{NOUN})"
DONE = r"(?:done|complete|completed|finished|ticked off)"
OPEN = r"(?:not\s+(?:done|complete|completed|finished)(?:\s+yet)?|undone|open|incomplete)"

# The first pattern that fits the whole message decides. Adding comes first: its rest may be any words at all.
RULES: list[tuple[str, Callable[[re.Match], Intent]]] = [
    (rf"(?:add|create|new)\s+(?:(?:(?:an?|the|another)\s+)?(?:new\s+)?{NOUN}\b\s*(?:to\b|called\b|named\b|:|-)?\s*)?(?P<it>.+?)(?:{LIST})?",
     lambda m: Add(m["it"])),
    (rf"(?:remind\s+me\s+to|remember\s+to|do\s?n[o']?t\s+forget\s+to|i\s+(?:need|have|want|must)\s+to|i\s+must|{NOUN}\s*:)\s*(?P<it>.+)",
     lambda m: Add(m["it"])),
    (rf"(?:(?:show|list|see|display|what|what's|which|how\s+many|do\s+i\s+have)\b.*|(?:my\s+|all\s+)*{NOUN})",
     lambda m: Show(_status(m[0]))),
    (rf"mark\s+(?P<it>.+?)\s+(?:as\s+)?{OPEN}", lambda m: Complete(m["it"], False)),
    (r"(?:re-?open|uncheck|untick|undo)\s+(?P<it>.+)", lambda m: Complete(m["it"], False)),
    (rf"(?P<it>.+?)\s+(?:is|are)\s+{OPEN}", lambda m: Complete(m["it"], False)),
    (rf"mark\s+(?P<it>.+?)\s+(?:as\s+)?{DONE}", lambda m: Complete(m["it"])),
    (r"(?:complete|finish|check(?:\s+off)?|tick(?:\s+off)?|done(?:\s+with)?|(?:i\s+(?:have\s+)?|i've\s+)(?:finished|completed|did|done))\s+(?P<it>.+)",
     lambda m: Complete(m["it"])),
    (r"(?:rename|change|edit|update)\s+(?P<it>.+?)\s+(?:to|into)\s+(?P<title>.+)", lambda m: Rename(m["it"], m["title"])),
    (rf"(?:delete|remove|drop|forget(?:\s+about)?|cancel|get\s+rid\s+of)\s+(?P<it>.+?)(?:\s+from\s+(?:my|the)\s+(?:list|{NOUN}))?",
     lambda m: Delete(m["it"])),
    (rf"(?P<it>.+?)\s+(?:is|are)\s+{DONE}", lambda m: Complete(m["it"])),
]
COMPILED = [(re.compile(pattern, re.IGNORECASE | re.DOTALL), intent) for pattern, intent in RULES]
POLITE = re.compile(r"^(?:(?:please|hey|hi|hello|ok|okay|can you|could you|would you)\b[\s,!]*)+|(?:[\s,]+(?:please|thanks|thank you))*[\s.!?]*$", re.IGNORECASE)


def understand(message: str) -> Intent | None:
    words = POLITE.sub("", " ".join(message.replace("’", "'").split()))
    for pattern, intent in COMPILED:
        if match := pattern.fullmatch(words):
            return intent(match)
    return None


def _status(words: str) -> str:
    if re.search(r"\b(?:open|left|pending|remaining|still|undone|next|not\s+done|to\s+do)\b", words, re.IGNORECASE):
        return "open"
    return "done" if re.search(rf"\b{DONE}\b", words, re.IGNORECASE) else "all"


async def answer(message: str, tools: Toolbox) -> str:
    try:
        return await _carry_out(understand(message), tools)
    except Refused as reason:
        return f"That did not work: {reason}."


async def _carry_out(intent: Intent | None, tools: Toolbox) -> str:
    match intent:
        case None:
            return HELP
        case Add(title):
            todo = await tools.call("add_todo", title=_bare(title))
            return f"Added {_named(todo)}."
        case Show(status):
            return _shown(await tools.call("list_todos", status=status), status)
    todos = await tools.call("list_todos", status="all")
    chosen = _choose(intent, todos)
    if isinstance(chosen, str):
        return chosen
    for todo in chosen:
        match intent:
            case Complete(_, done):
                await tools.call("complete_todo", id=todo["id"], done=done)
            case Rename(_, title):
                todo = await tools.call("update_todo", id=todo["id"], title=_bare(title))
                return f"Renamed #{todo['id']} to “{todo['title']}”."
            case Delete():
                await tools.call("delete_todo", id=todo["id"])
    did = {Delete: "Deleted"}.get(type(intent)) or ("Completed" if intent.done else "Reopened")
    return f"{did} {', '.join(map(_named, chosen))}."


def _choose(intent: Complete | Rename | Delete, todos: list[dict]) -> list[dict] | str:
    """The todos that are meant, or what to say when that is not clear. Titles are matched loosely, ids exactly."""
    which = _bare(re.sub(rf"^(?:(?:the|my|number)\s+|{NOUN}\s+)+(?=\S)", "", intent.which, flags=re.IGNORECASE))
    likely = [t for t in todos if not isinstance(intent, Complete) or t["done"] != intent.done]

    if number := re.fullmatch(r"#?\s*(\d+)", which):
        same = [t for t in todos if t["id"] == int(number[1])]
        return same or f"There is no todo #{number[1]}."
    every = re.fullmatch(rf"(?:all|everything)(?:\s+of\s+them)?(?:\s+(?:the|my))?(?:\s+(?P<done>{DONE}))?(?:\s+(?:{NOUN}|ones))?", which, re.IGNORECASE)
    if every and not isinstance(intent, Rename):
        return [t for t in likely if t["done"] or not every["done"]] or "There is nothing to do that to."
    if place := re.fullmatch(rf"(first|last|latest)(?:\s+(?:one|{NOUN}))?", which, re.IGNORECASE):
        return (likely[:1] if place[1].lower() == "first" else likely[-1:]) or "There is nothing to do that to."

    wanted = which.casefold()
    for pool in (likely, todos):
        for fits in (lambda title: title == wanted, lambda title: wanted in title,
                     lambda title: set(wanted.split()) <= set(title.split())):
            found = [t for t in pool if fits(t["title"].casefold())]
            if len(found) > 1:
                return f"Which one do you mean: {', '.join(map(_named, found[:5]))}? Say its number."
            if found:
                return found
    return f"I found no todo like “{which}”."


def _shown(todos: list[dict], status: str) -> str:
    if not todos:
        return {"all": "Your list is empty.", "open": "Nothing is left to do.", "done": "Nothing is done yet."}[status]
    lines = [f"{'☑' if t['done'] else '☐'} #{t['id']} {t['title']}" for t in todos]
    count = f"{len(todos)} todo{'s' if len(todos) > 1 else ''}"
    return "\n".join([f"You have {count}{'' if status == 'all' else f' {status}'}:", *lines])


def _named(todo: dict) -> str:
    return f"“{todo['title']}” (#{todo['id']})"


def _bare(words: str) -> str:
    return words.strip().strip("\"“”'`").strip()
