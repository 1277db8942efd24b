"""The quiz of `mlp explain --quiz`: asks on standard output, reads answers from standard input."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from mlpcli.cli.console import flush, print_json, print_note, print_result, print_sentence
from mlpcli.errors import counted
from mlpcli.report.explain.quiz import BLANK, is_right, parse_answer, questions, score

if TYPE_CHECKING:
    from mlpcli.report.explain.explanation import Explanation

HANG = 9  # spaces before the further lines of a wrapped one


def ask(explanation: Explanation, n: int, seed: int, *, digits: int, json: bool) -> bool:
    """Show a step with blanks, each until its answer is given; return whether all were right.

    Without an answer, where standard input ends, a value counts as wrong.
    """
    asked, rest = questions(explanation, n, seed)
    right: list[bool] = []
    unanswered = 0
    document: list[dict[str, Any]] = []
    for number, question in enumerate(asked, 1):
        if not json:
            for text in question.before:
                print_sentence(text, HANG)
            print_sentence(f"     {question.text()}", HANG)
            print_result(f"     {BLANK} = ? ({number} of {len(asked)})")
        answer = _read()
        ok = answer is not None and is_right(answer, question.line, digits)
        right.append(ok)
        unanswered += answer is None
        value = question.line.value
        if not json:
            print_result(f"     {'right' if ok else 'wrong'}: {value}")
        line = question.text()
        shown = {"line": line, "answer": answer, "value": question.line.number, "right": ok}
        document.append(shown)
    if unanswered:
        print_note(f"standard input has ended: {counted(unanswered, 'blank')} had no answer")
    if json:
        print_json({"questions": document, "right": sum(right)})
    else:
        for text in rest:
            print_sentence(text, HANG)
        print_result(f"\n{score(right)}")
    return all(right)


def _read() -> str | None:
    """Return the next answer, None at the end; what is no number is said, and asked for again."""
    flush()
    while True:
        line = "" if sys.stdin is None else sys.stdin.readline()
        if not line:
            return None
        if parse_answer(line) is not None:
            return line.strip()
        print_note(f"{line.strip()!r}: is no number, such as 0.25, -1e-3 or 1/4")
