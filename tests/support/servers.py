"""Throwaway PostgreSQL, MariaDB and MySQL servers for the tests and the benchmark.

    python3 tests/support/servers.py run -- command ...   starts them, runs the command, stops them
    python3 tests/support/servers.py nextest              likewise for as long as nextest runs
    python3 tests/support/servers.py serve                likewise until its input ends; "kill NAME" and
                                                          "start NAME" there do so with one of them;
                                                          "keep NAME" and "put-back NAME", between the
                                                          two, with its data as they were

The servers listen on free ports of 127.0.0.1, keep their data in a temporary folder, and are as
durable as in production. Where they are is told in environment variables:

    KEYROTATION_TEST_POSTGRESQL   the port of PostgreSQL
    KEYROTATION_TEST_MARIADB      the port of MariaDB
    KEYROTATION_TEST_MYSQL        the port of MySQL
    KEYROTATION_TEST_CA           the authority that signed the servers' certificates (PEM)
    KEYROTATION_TEST_FOLDER       their folder; pid files are in it

KEYROTATION_TEST_SERVERS names those to start, such as "mysql,mariadb"; all without it, none if it is empty. PostgreSQL and
MariaDB are the installed ones, MySQL is target/test-servers/mysql-9.7: KEYROTATION_POSTGRESQL_ROOT,
KEYROTATION_MARIADB_ROOT and KEYROTATION_MYSQL_ROOT name others that tests/support/unpack.sh has unpacked.

With KEYROTATION_E2E=h2, or h2-as-something, it is an H2 server alone (tests/support/java/H2Server.java):

    KEYROTATION_TEST_H2           its port
    KEYROTATION_TEST_H2_ADMIN     the port for its administrator

KEYROTATION_TEST_JAR names another H2 than Debian's, for the server and for the program.

The administrators are `postgres` and `root`, with the password below.
"""

import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import engines
from engines import PLACES, fail, program

PATIENCE = 60  # seconds
ROOM = 2 << 30  # bytes


def room():
    """A folder in memory if there is enough of it, else on disk."""
    memory = "/dev/shm"
    if os.environ.get("KEYROTATION_TEST_DISK") or not os.path.isdir(memory):
        return None
    facts = os.statvfs(memory)
    return memory if facts.f_bavail * facts.f_frsize >= ROOM else None


class Servers:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="keyrotation-servers-", dir=room())
        os.chmod(self.folder, 0o755)
        self.processes = {}
        self.how = {}
        self.environment = {"KEYROTATION_TEST_FOLDER": self.folder}

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def as_user(self, name):
        """What makes a command run as `name`: these servers refuse to be root."""
        if os.getuid() != 0:
            return {}
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            user = pwd.getpwnam("nobody")
        return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}

    def may_run(self, command, name):
        try:
            return subprocess.run([command, "--version"], capture_output=True, **self.as_user(name)).returncode == 0
        except PermissionError:
            return False

    def own(self, path, name):
        os.makedirs(path, exist_ok=True)
        if os.getuid() == 0:
            user = self.as_user(name)
            os.chown(path, user["user"], user["group"])

    def quietly(self, command, **options):
        done = subprocess.run(command, capture_output=True, text=True, **options)
        if done.returncode != 0:
            fail(f"{command[0]}: {done.stdout}{done.stderr}")
        return done.stdout

    def start(self):
        if os.environ.get("KEYROTATION_E2E", "").startswith("h2"):
            engines.h2(self)
            return
        self.certificates()
        names = os.environ.get("KEYROTATION_TEST_SERVERS", "postgresql,mariadb,mysql")
        for name in filter(None, names.split(",")):
            engines.ENGINES[name](self)

    def certificates(self):
        openssl = program("openssl", "openssl")
        ca, key = self.path("ca.pem"), self.path("ca.key")
        self.environment["KEYROTATION_TEST_CA"] = ca
        run = os.environ.get("KEYROTATION_TEST_FOLDER")
        if run and os.path.exists(os.path.join(run, "server.pem")):  # those of the run's servers are as good
            for name in ("ca.pem", "server.pem", "server.key"):
                shutil.copy(os.path.join(run, name), self.path(name))
            return
        self.quietly([openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", key,
                      "-out", ca, "-subj", "/CN=A private authority", "-addext", "basicConstraints=critical,CA:TRUE"])
        request, names = self.path("server.csr"), self.path("names")
        with open(names, "w") as file:
            file.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
        self.quietly([openssl, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", self.path("server.key"),
                      "-out", request, "-subj", "/CN=localhost"])
        self.quietly([openssl, "x509", "-req", "-in", request, "-CA", ca, "-CAkey", key, "-CAcreateserial",
                      "-days", "2", "-extfile", names, "-out", self.path("server.pem")])
        os.chmod(self.path("server.key"), 0o644)

    def copy_certificate(self, folder, name):
        for file in ("server.pem", "server.key"):
            target = os.path.join(folder, file)
            shutil.copy(self.path(file), target)
            if os.getuid() == 0:
                user = self.as_user(name)
                os.chown(target, user["user"], user["group"])
            os.chmod(target, 0o600)

    def is_ready(self, port):
        ask = program("pg_isready", "postgresql-client", PLACES)
        return subprocess.run([ask, "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode == 0

    def spawn(self, name, command, home, user, port):
        self.how[name] = (name, command, home, user, port)
        log = open(os.path.join(home, "log"), "ab")
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, start_new_session=True, **user)
        self.processes[name] = process
        self.environment[f"KEYROTATION_TEST_{name.upper()}_PID"] = str(process.pid)
        begun = time.monotonic()
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                # After a crash it listens before it has recovered.
                if name != "postgresql" or self.is_ready(port):
                    return
            except OSError:
                pass
            if process.poll() is not None or time.monotonic() - begun > PATIENCE:
                self.stop()
                fail(f"{command[0]} does not start, see above")
            time.sleep(0.05)

    def kill(self, name):
        """Kills one with all that it has started, as if its machine had died.

        It is halted first: then it starts no more of them, and none of them is gone from the
        process table before it is killed, or leaves its number to another.
        """
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        for pid in children(process.pid):
            os.kill(pid, signal.SIGKILL)
        begun = time.monotonic()
        while any(state not in "ZX" for state in children(process.pid).values()):
            if time.monotonic() - begun > PATIENCE:
                fail(f"what {name} has started does not end")
            time.sleep(0.01)
        process.kill()
        process.wait()

    def stop(self):
        for name, process in self.processes.items():
            if process.poll() is None:
                process.send_signal(signal.SIGINT if name == "postgresql" else signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)


def run(command):
    servers = Servers()
    try:
        servers.start()
        return subprocess.run(command, env={**os.environ, **servers.environment}).returncode
    finally:
        servers.stop()


def children(parent):
    """The processes that one has started, each with its state."""
    found = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/stat") as file:
                state, of = file.read().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue  # ended meanwhile
        if int(of) == parent:
            found[int(pid)] = state
    return found


def serve():
    """Starts the servers, says where they are, then kills and starts them as it is told."""
    servers = Servers()
    try:
        servers.start()
        for name, value in servers.environment.items():
            print(f"{name}={value}")
        print("ready", flush=True)
        for line in sys.stdin:
            what, name = line.split()
            if what == "kill":
                servers.kill(name)
            elif what == "start":
                servers.spawn(*servers.how[name])
            else:
                data, kept = servers.path(name, "data"), servers.path(name, "kept")
                source, target = (data, kept) if what == "keep" else (kept, data)
                shutil.rmtree(target, ignore_errors=True)
                servers.quietly(["cp", "-a", source, target])
            print("done", flush=True)
    finally:
        servers.stop()
    return 0


def parents(pid):
    while pid > 1:
        with open(f"/proc/{pid}/stat") as file:
            name, rest = file.read().split("(", 1)[1].rsplit(")", 1)
        yield pid, name
        pid = int(rest.split()[1])


def nextest():
    """Starts the servers, tells nextest where they are, and leaves a process behind that stops them."""
    watched = next((pid for pid, name in parents(os.getppid()) if "nextest" in name), os.getppid())
    ready, told = os.pipe()
    if os.fork():
        os.close(told)
        with os.fdopen(ready) as lines:
            environment = lines.read()
        if not environment:
            fail("the servers did not start")
        with open(os.environ["NEXTEST_ENV"], "a") as file:
            file.write(environment)
        return 0
    os.close(ready)
    os.setsid()
    servers = Servers()
    try:
        servers.start()
        with os.fdopen(told, "w") as pipe:
            pipe.writelines(f"{name}={value}\n" for name, value in servers.environment.items())
        # Nobody waits for this process any more: what it says would keep nextest's pipe open.
        silence = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1, 2):
            os.dup2(silence, stream)
        while os.path.exists(f"/proc/{watched}"):
            time.sleep(0.2)
    finally:
        servers.stop()
    os._exit(0)


def main():
    match sys.argv[1:]:
        case ["nextest"]:
            return nextest()
        case ["serve"]:
            return serve()
        case ["run", "--", *command] if command:
            return run(command)
        case _:
            fail("say `run -- command ...`, `serve` or `nextest`")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    sys.exit(main())
