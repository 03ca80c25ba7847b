"""Files, cards and recipes as an enemy or a bad disk would leave them, thrown at everything that reads them.

- `seeds`: one good input for each thing that reads, written by the round-trip tests' own writers;
- `edits`: what is done to it, as a strategy of hypothesis, so that a find is shrunk to the few edits that matter;
- `worker`: a process of its own, with a limit of memory, that reads a case and judges what came of it;
- `campaign`: seeds, edits and workers together, for the short run of the test suite and the long one of ``make fuzz``.

hypothesis and not atheris: a case must be able to take memory, to hang or to end the process, and only a process of its
own can be judged for that; and it runs wherever the package does.
"""
