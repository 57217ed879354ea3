"""Runs a program on a terminal of its own and answers its questions.

    terminal.py ANSWER... -- PROGRAM ARGUMENT...

Each ANSWER is typed once the next question, a line that ends in ": ", stands on the terminal and the program
has switched the echo off. Everything that the
terminal shows goes to standard output, with what the program wrote to its standard output and error beside
it: those are not the terminal. The exit code is the program's.
"""

import os
import pty
import select
import sys
import termios
import time

split = sys.argv.index("--")
answers, command = sys.argv[1:split], sys.argv[split + 1 :]
ours, theirs = os.pipe()
child, terminal = pty.fork()
if child == 0:
    os.dup2(theirs, 1)
    os.dup2(theirs, 2)
    os.execv(command[0], command)
os.close(theirs)

def echoes():
    return termios.tcgetattr(terminal)[3] & termios.ECHO != 0


shown, asked, deadline = b"", 0, time.monotonic() + 120
open_ends = {terminal, ours}
while open_ends and time.monotonic() < deadline:
    for end in select.select(list(open_ends), [], [], 0.02)[0]:
        try:
            data = os.read(end, 65536)
        except OSError:  # the terminal's other end is closed
            data = b""
        if not data:
            open_ends.discard(end)
        elif end == terminal:
            shown += data
        sys.stdout.buffer.write(data)
    if asked < len(answers) and shown.count(b": ") > asked and not echoes():
        os.write(terminal, answers[asked].encode() + b"\n")
        asked += 1
if open_ends:
    os.kill(child, 9)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
