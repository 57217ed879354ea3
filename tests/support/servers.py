"""Throwaway PostgreSQL and MariaDB servers for the tests and the benchmark.

    python3 tests/support/servers.py run -- command ...   starts both, runs the command, stops them
    python3 tests/support/servers.py nextest              likewise for as long as nextest runs
    python3 tests/support/servers.py serve                likewise until its input ends; "kill NAME" and
                                                          "start NAME" there do so with one of them;
                                                          "keep NAME" and "put-back NAME", between the
                                                          two, with its data as they were

The servers listen on free ports of 127.0.0.1, keep their data in a temporary folder, and are as
durable as in production. Where they are is told in environment variables:

    KEYROTATION_TEST_POSTGRESQL   the port of PostgreSQL
    KEYROTATION_TEST_MARIADB      the port of MariaDB
    KEYROTATION_TEST_CA           the authority that signed both servers' certificates (PEM)
    KEYROTATION_TEST_FOLDER       their folder; pid files are in it

With KEYROTATION_E2E=h2, or h2-as-something, it is an H2 server alone (tests/support/java/H2Server.java):

    KEYROTATION_TEST_H2           its port
    KEYROTATION_TEST_H2_ADMIN     the port for its administrator

KEYROTATION_TEST_JAR names another H2 than Debian's, for the server and for the program.

The administrators are `postgres` and `root`, with the password below.
"""

import glob
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile

PASSWORD = "p@ss w\u00f6rd/:'%"
PATIENCE = 60  # seconds
ROOM = 2 << 30  # bytes
PLACES = ["/usr/lib/postgresql/*/bin"]  # where Debian keeps PostgreSQL's programs


def fail(text):
    sys.exit(f"tests/support/servers.py: {text}")


def program(name, package, places=()):
    found = shutil.which(name)
    for place in places:
        found = found or next(iter(sorted(glob.glob(f"{place}/{name}"), reverse=True)), None)
    return found or fail(f"{name} is missing: apt-get install {package}")


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


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
            self.h2()
            return
        self.certificates()
        self.postgresql()
        self.mariadb()

    def certificates(self):
        openssl = program("openssl", "openssl")
        ca, key = self.path("ca.pem"), self.path("ca.key")
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
        self.environment["KEYROTATION_TEST_CA"] = ca

    def copy_certificate(self, folder, name):
        for file in ("server.pem", "server.key"):
            target = os.path.join(folder, file)
            shutil.copy(self.path(file), target)
            if os.getuid() == 0:
                user = self.as_user(name)
                os.chown(target, user["user"], user["group"])
            os.chmod(target, 0o600)

    def postgresql(self):
        initdb = program("initdb", "postgresql", PLACES)
        postgres = program("postgres", "postgresql", PLACES)
        home, port = self.path("postgresql"), free_port()
        self.own(home, "postgres")
        secret = os.path.join(home, "password")
        with open(secret, "w", encoding="utf-8") as file:
            file.write(PASSWORD + "\n")
        os.chmod(secret, 0o644)
        data = os.path.join(home, "data")
        self.quietly([initdb, "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
                      "--locale=C.UTF-8"], cwd=home, **self.as_user("postgres"))
        self.copy_certificate(data, "postgres")
        # Members of this role have to use TLS.
        rules = os.path.join(data, "pg_hba.conf")
        with open(rules) as file:
            others = file.read()
        with open(rules, "w") as file:
            file.write("hostnossl all +tls_only all reject\n" + others)
        # Shared memory in its folder: in /dev/shm a server that is killed would leave it behind.
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": home, "ssl": "on",
                    "ssl_cert_file": "server.pem", "ssl_key_file": "server.key", "max_connections": 100,
                    "shared_buffers": "256MB", "max_wal_size": "2GB", "dynamic_shared_memory_type": "mmap"}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        self.spawn("postgresql", [postgres, "-D", data, *options], home, "postgres", port)
        self.environment["KEYROTATION_TEST_POSTGRESQL"] = str(port)

    def mariadb(self):
        install = program("mariadb-install-db", "mariadb-server")
        server = program("mariadbd", "mariadb-server", ["/usr/sbin"])
        home, port = self.path("mariadb"), free_port()
        self.own(home, "mysql")
        data, first = os.path.join(home, "data"), os.path.join(home, "first.sql")
        # Temporary files of its own: a server that starts removes those of all others in a shared folder.
        self.quietly([install, "--no-defaults", f"--datadir={data}", f"--tmpdir={home}", "--skip-test-db",
                      "--auth-root-authentication-method=normal"], cwd=home, **self.as_user("mysql"))
        self.copy_certificate(home, "mysql")
        quoted = PASSWORD.replace("'", "''")
        with open(first, "w", encoding="utf-8") as file:
            file.write("SET NAMES utf8mb4;\nDELETE FROM mysql.global_priv WHERE User = '';\n"
                       f"CREATE OR REPLACE USER root@'%' IDENTIFIED BY '{quoted}';\n"
                       f"GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n"
                       "DROP USER IF EXISTS root@localhost, root@'127.0.0.1', root@'::1';\n"
                       "FLUSH PRIVILEGES;\n")
        os.chmod(first, 0o644)
        settings = {"datadir": data, "tmpdir": home, "port": port, "bind-address": "127.0.0.1", "socket": os.path.join(home, "socket"),
                    "innodb-buffer-pool-size": "512M", "innodb-log-file-size": "256M", "max-connections": 100,
                    "init-file": first, "pid-file": os.path.join(home, "pid"), "skip-name-resolve": 1,
                    "character-set-server": "utf8mb4", "ssl-cert": os.path.join(home, "server.pem"),
                    "ssl-key": os.path.join(home, "server.key"), "ssl-ca": self.environment["KEYROTATION_TEST_CA"]}
        options = [f"--{name}={value}" for name, value in settings.items()]
        self.spawn("mariadb", [server, "--no-defaults", *options], home, "mysql", port)
        self.environment["KEYROTATION_TEST_MARIADB"] = str(port)

    def h2(self):
        java, javac = program("java", "default-jdk-headless"), program("javac", "default-jdk-headless")
        jar, home = os.environ.get("KEYROTATION_TEST_JAR", "/usr/share/java/h2.jar"), self.path("h2")
        if not os.path.exists(jar):
            fail(f"{jar} is missing: apt-get install libh2-java")
        os.makedirs(os.path.join(home, "data"))  # two tests that begin at once would both make it
        sources = os.path.join(os.path.dirname(os.path.abspath(__file__)), "java")
        names = [os.path.join(sources, f"{name}.java") for name in ("H2Server", "CountUpdates", "NoteChange", "StandIn")]
        self.quietly([javac, "-cp", jar, "-d", home, *names])
        # The driver with which the server stands in for others: h2/stand-in.jar.
        with zipfile.ZipFile(os.path.join(home, "stand-in.jar"), "w") as driver:
            driver.writestr("META-INF/services/java.sql.Driver", "StandIn\n")
            for name in glob.glob(os.path.join(home, "StandIn*.class")):
                driver.write(name, os.path.basename(name))
        log = open(os.path.join(home, "log"), "ab")
        process = subprocess.Popen([java, "-Xmx512m", "-cp", f"{jar}:{home}", "H2Server", os.path.join(home, "data")],
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                                   start_new_session=True)
        self.processes["h2"] = process
        ports = process.stdout.readline().split()
        if len(ports) != 2:
            self.stop()
            fail("the H2 server does not start")
        self.environment["KEYROTATION_TEST_H2"], self.environment["KEYROTATION_TEST_H2_ADMIN"] = ports

    def is_ready(self, port):
        ask = program("pg_isready", "postgresql-client", PLACES)
        return subprocess.run([ask, "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode == 0

    def spawn(self, name, command, home, user, port):
        self.how[name] = (name, command, home, user, port)
        log = open(os.path.join(home, "log"), "ab")
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=home, start_new_session=True,
                                   **self.as_user(user))
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
