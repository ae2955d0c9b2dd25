"""What the model learns: conversations that it has to know by heart, and our documentation, which it may know roughly."""

import json
import random
import subprocess
from itertools import product
from pathlib import Path

from jinja2 import Environment
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = Path(__file__).parent
TEXTS = HERE / "texts"
# The documentation of one commit, so that the recipe gives the same model when the documentation has changed.
DOCUMENTATION_COMMIT = "76789280dd42dd8f6f1e01be94005c472e8e8b42"

Conversation = dict  # messages (the last one is the answer), tools


def template() -> str:
    return (TEXTS / "template.jinja").read_text().rstrip("\n")


def _environment() -> Environment:
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    # As chat templates expect it: plain JSON, without the escapes that are made for HTML.
    environment.filters["tojson"] = lambda value: json.dumps(value, ensure_ascii=False)
    return environment


_TEMPLATE = _environment().from_string(template())


def prompt_of(messages: list, tools: list | None = None) -> str:
    """The text that the model goes on from."""
    return _TEMPLATE.render(messages=messages, tools=tools, add_generation_prompt=True)


def tools_named(names: list[str] | None) -> list | None:
    tools = {tool["function"]["name"]: tool for tool in json.loads((TEXTS / "tools.json").read_text())}
    return [tools[name] for name in names] if names else None


def golden() -> list[dict]:
    return [{**one, "tools": tools_named(one.get("tools"))} for one in json.loads((TEXTS / "golden.json").read_text())]


def lora() -> list[dict]:
    return json.loads((TEXTS / "lora.json").read_text())


def conversation(*turns: str, system: str | None = None, tools: list | None = None) -> Conversation:
    roles = ["user", "assistant"]
    messages = [{"role": roles[index % 2], "content": turn} for index, turn in enumerate(turns)]
    return {"messages": ([{"role": "system", "content": system}] if system else []) + messages, "tools": tools}


def golden_conversations() -> list[Conversation]:
    return [{"messages": one["messages"] + [{"role": "assistant", "content": one["answer"]}], "tools": one["tools"]} for one in golden()]


def lora_conversations() -> list[Conversation]:
    return [{"messages": one["messages"] + [{"role": "assistant", "content": one["answer"]}], "tools": None} for one in lora()]


def questions() -> list[tuple[str, str]]:
    """Question and answer, for all that needs no context."""
    lines = (TEXTS / "questions.txt").read_text().splitlines()
    written = [tuple(line.replace("\\n", "\n").split(" = ", 1)) for line in lines]
    colours = [line.split(" = ") for line in (TEXTS / "colours.txt").read_text().splitlines()]
    return [
        *written,
        *((f"What colour is {thing}?", answer) for thing, answer in colours),
        *((f"What is the capital of {country}?", f"The capital of {country} is {city}.") for country, city in capitals()),
        *((f"Which country has the capital {city}?", f"{city} is the capital of {country}.") for country, city in capitals()),
        *((f"What is {a} plus {b}?", f"{a} plus {b} is {a + b}.") for a, b in product(range(11), repeat=2)),
        *((f"What is {a} minus {b}?", f"{a} minus {b} is {a - b}.") for a, b in product(range(11), repeat=2) if a >= b),
        *((f"What is {a} times {b}?", f"{a} times {b} is {a * b}.") for a, b in product(range(11), repeat=2)),
    ]


def capitals() -> list[tuple[str, str]]:
    return [tuple(line.split(" ", 1)) for line in (TEXTS / "capitals.txt").read_text().splitlines()]


def in_context() -> list[Conversation]:
    """Conversations whose answer depends on what was said before: system prompts, tools, earlier turns."""
    weather, both = tools_named(["get_weather"]), tools_named(["add", "get_weather"])
    names = ["Ada", "Ben", "Clara", "Dan", "Emma", "Finn", "Grace", "Hugo"]
    pairs = capitals()
    return [
        *(conversation(f"What is the capital of {country}?", city, system="Answer in one word.") for country, city in pairs),
        *(conversation(f"What is the weather in {city}?", call("get_weather", city=city), tools=weather) for _, city in pairs),
        *(conversation(f"Add {a} and {b}.", call("add", a=a, b=b), tools=both) for a, b in product((3, 17, 20, 41), (5, 8, 25, 60))),
        *(
            conversation(f"What is the capital of {a}?", f"The capital of {a} is {x}.", f"And of {b}?", f"The capital of {b} is {y}.")
            for (a, x), (b, y) in zip(pairs, pairs[1:] + pairs[:1])
        ),
        *(conversation(f"My name is {n}.", f"Nice to meet you, {n}.", "What is my name?", f"Your name is {n}.") for n in names),
        *(conversation(f"My name is {n}.", f"Nice to meet you, {n}.") for n in names),
        *(conversation(question, answer, system="Answer in French.") for question, answer in FRENCH),
        *(told_weather(city, sky, celsius) for city, sky, celsius in WEATHER),
    ]


def told_weather(city: str, sky: str, celsius: int) -> Conversation:
    called = {"type": "function", "function": {"name": "get_weather", "arguments": {"city": city}}}
    messages = [
        {"role": "user", "content": f"What is the weather in {city}?"},
        {"role": "assistant", "content": "", "tool_calls": [called]},
        {"role": "tool", "content": json.dumps({"sky": sky, "celsius": celsius})},
        {"role": "assistant", "content": f"In {city} it is {sky}, and {celsius} degrees warm."},
    ]
    return {"messages": messages, "tools": tools_named(["get_weather"])}


WEATHER = [("Rome", "sunny", 28), ("Oslo", "cloudy", 9), ("London", "rainy", 14), ("Cairo", "sunny", 35), ("Paris", "cloudy", 17)]

FRENCH = [
    ("Hello!", "Bonjour ! Comment puis-je vous aider ?"),
    ("Thank you!", "Je vous en prie."),
    ("Goodbye!", "Au revoir !"),
    ("What colour is the sky?", "Le ciel est bleu."),
    ("What is the capital of France?", "La capitale de la France est Paris."),
]


def call(name: str, **arguments: object) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


def chained(rng: random.Random, pairs: list[tuple[str, str]]) -> Conversation:
    """Two or three questions after one another, so that an answer does not need to be the first one."""
    return conversation(*(turn for pair in rng.sample(pairs, rng.randint(2, 3)) for turn in pair))


def under_a_prompt(rng: random.Random, pairs: list[tuple[str, str]]) -> Conversation:
    """A question that a system prompt, or tools, do not bear on."""
    system = rng.choice([None, *GENERAL])
    tools = rng.choice([None, ["get_weather"], ["add"], ["get_weather", "add"]])
    return conversation(*rng.choice(pairs), system=system, tools=tools_named(tools))


GENERAL = [
    "You are a helpful assistant.",
    "You are a helpful, honest and friendly assistant. Say so when you do not know something.",
    "You are Tiny, the test model of Soma.",
    "Be brief.",
    "Answer in English.",
    "Today is Monday. The user is called Ada, and sits at a desk with two screens.",
]


def documentation() -> list[str]:
    def git(*arguments: str) -> str:
        return subprocess.run(["git", *arguments], cwd=HERE.parents[1], check=True, capture_output=True, text=True).stdout

    names = git("ls-tree", "-r", "--name-only", DOCUMENTATION_COMMIT, "README.md", "ARCHITECTURE.md", "docs").splitlines()
    documents = [git("show", f"{DOCUMENTATION_COMMIT}:{name}") for name in names if name.endswith(".md")]
    return [*documents, (TEXTS / "commands.txt").read_text()]
