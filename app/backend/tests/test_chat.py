"""The chat: by rules, by a model that calls tools, and by rules when the model is silent."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from .conftest import running


async def say(account, message: str) -> dict:
    answer = await account.client.post("/chat", json={"message": message})
    assert answer.status_code == 200, answer.text
    return answer.json()


async def titles(account) -> dict[str, bool]:
    return {todo["title"]: todo["done"] for todo in (await account.client.get("/todos")).json()}


async def test_a_conversation_by_rules(account):
    added = await say(account, "Add “buy milk”, please")
    assert (added["answered_by"], added["actions"]) == ("rules", [{"tool": "add_todo", "arguments": {"title": "buy milk"}}])
    await say(account, "add buy bread")
    assert (await say(account, "buy is done"))["reply"].startswith("Which one do you mean: “buy milk”")
    assert (await say(account, "I bought a horse"))["reply"].startswith("I can add")
    assert (await say(account, "milk is done"))["reply"].startswith("Completed “buy milk”")
    assert (await say(account, "rename bread to bake bread"))["reply"].endswith("to “bake bread”.")
    assert await titles(account) == {"buy milk": True, "bake bread": False}
    assert "☐" in (await say(account, "what is left?"))["reply"]
    assert (await say(account, "delete all done todos"))["reply"].startswith("Deleted “buy milk”")
    await say(account, "delete the last one")
    assert (await say(account, "list"))["reply"] == "Your list is empty."
    assert (await say(account, "delete #999999999999999999999"))["reply"] == "There is no todo #999999999999999999999."
    assert (await say(account, "add " + "x" * 300))["reply"].startswith("That did not work")


class FakeModel(BaseHTTPRequestHandler):
    """An OpenAI-compatible endpoint that plays a script."""

    script: list = []
    seen: list = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["content-length"])))
        self.seen.append({"path": self.path, "authorization": self.headers["authorization"], **body})
        message = self.script.pop(0) if self.script else None
        data = json.dumps({"choices": [{"message": message}]} if message else {"error": "broken"}).encode()
        self.send_response(200 if message else 500)
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


def calls(name: str, arguments: str) -> dict:
    return {"role": "assistant", "content": None,
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": name, "arguments": arguments}}]}


@pytest.fixture(scope="module")
def modelled(database, backend, tmp_path_factory):
    server = HTTPServer(("127.0.0.1", 0), FakeModel)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with running(database, tmp_path_factory.mktemp("model"), OPENAI_BASE_URL=f"http://127.0.0.1:{server.server_port}/v1",
                 OPENAI_API_KEY="sk-test", MODEL="tiny") as backend:
        yield backend
    server.shutdown()


@pytest.fixture
async def talker(modelled):
    FakeModel.script, FakeModel.seen = [], []
    FakeModel.seen.clear()
    return await modelled.user()


async def test_a_model_answers_by_calling_the_tools(talker):
    FakeModel.script[:] = [calls("add_todo", '{"title": "buy milk"}'), {"role": "assistant", "content": "Done, milk it is."}]
    answer = await say(talker, "milk, I am out of it")
    assert (answer["reply"], answer["answered_by"], answer["model"]) == ("Done, milk it is.", "model", "tiny")
    assert await titles(talker) == {"buy milk": False}
    first, second = FakeModel.seen
    assert (first["path"], first["authorization"]) == ("/v1/chat/completions", "Bearer sk-test")
    assert {t["function"]["name"] for t in first["tools"]} >= {"add_todo", "delete_todo"}
    assert json.loads(second["messages"][-1]["content"])["title"] == "buy milk"


async def test_a_models_wrong_calls_are_told_to_it(talker):
    FakeModel.script[:] = [calls("fly", "{}"), calls("delete_todo", "not json"), calls("delete_todo", '{"id": 1}'),
                           {"role": "assistant", "content": "I could not."}]
    assert (await say(talker, "delete something"))["reply"] == "I could not."
    assert all(said["content"].startswith("error: ") for said in FakeModel.seen[-1]["messages"] if said["role"] == "tool")


async def test_the_rules_answer_when_the_model_is_broken(talker):
    answer = await say(talker, "add buy milk")
    assert (answer["answered_by"], answer["note"]) == ("rules", "The model did not answer: its endpoint answered 500.")
    assert await titles(talker) == {"buy milk": False}


async def test_a_half_done_job_is_not_done_twice(talker):
    FakeModel.script[:] = [calls("add_todo", '{"title": "buy milk"}')]
    assert (await say(talker, "add buy milk"))["reply"].startswith("I did a part of that")
    assert await titles(talker) == {"buy milk": False}


async def test_a_model_that_never_ends_is_ended(talker):
    FakeModel.script[:] = [calls("list_todos", "{}")] * 10
    answer = await say(talker, "list")
    assert (answer["answered_by"], answer["reply"]) == ("rules", "Your list is empty.")
    assert answer["note"] == "The model did not answer: it came to no end in 6 rounds."
