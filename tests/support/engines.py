"""The database servers that tests/support/servers.py starts: each made from nothing with the settings that its
users have, but for where its files are and who its administrator is.
"""

import fcntl
import glob
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import zipfile

PASSWORD = "p@ss w\u00f6rd/:'%"
MYSQL = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../target/test-servers/mysql-9.7/root")
PLACES = ["/usr/lib/postgresql/*/bin"]  # where Debian keeps PostgreSQL's programs


def fail(text):
    sys.exit(f"tests/support/servers.py: {text}")


def program(name, package, places=()):
    found = shutil.which(name)
    for place in places:
        found = found or next(iter(sorted(glob.glob(f"{place}/{name}"), reverse=True)), None)
    return found or fail(f"{name} is missing: apt-get install {package}")


def server_program(engine, name, package, places):
    """A program of the server that KEYROTATION_<ENGINE>_ROOT names, as tests/support/unpack.sh has unpacked it, else of
    the installed one."""
    root = os.environ.get(f"KEYROTATION_{engine.upper()}_ROOT")
    if root is None:
        return program(name, package, places)
    places = [os.path.join(root, place.lstrip("/")) for place in ["/usr/sbin", "/usr/bin", *places]]
    found = [path for place in places for path in sorted(glob.glob(f"{place}/{name}"), reverse=True)]
    return os.path.abspath(found[0]) if found else fail(f"{root} has no {name}: see tests/support/unpack.sh")


def free_port():
    """A port below those that the system gives to connections, and another one for each who asks: a server may take
    seconds from here to its first breath."""
    with open(os.path.join(tempfile.gettempdir(), f"keyrotation-ports-{os.getuid()}"), "a+") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        file.seek(0)
        last = int(file.read() or 0)
        for number in range(last + 1, last + 10000):
            port = 20000 + number % 10000
            with socket.socket() as probe:
                try:
                    probe.bind(("127.0.0.1", port))
                except OSError:
                    continue
            file.truncate(0)
            file.write(str(number % 10000))
            return port
    fail("no port is free")


def fresh(servers, kind, data, make):
    """A data folder of MySQL's or MariaDB's as its own program makes it. That takes seconds, so it is done once: servers
    that a test starts for itself get copies of what those of its run were made from. (PostgreSQL's is quickly made, and
    its number says which server it is.)"""
    kept = os.path.join(os.environ.get("KEYROTATION_TEST_FOLDER", servers.folder), f"fresh-{kind}")
    with open(kept + ".lock", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        if not os.path.isdir(kept):
            make()
            part = f"{kept}.part"  # a copy that was cut short is none
            shutil.rmtree(part, ignore_errors=True)
            servers.quietly(["cp", "-a", data, part])
            os.rename(part, kept)
            return
    servers.quietly(["cp", "-a", kept, data])


def postgresql(servers):
    initdb = server_program("postgresql", "initdb", "postgresql", PLACES)
    postgres = server_program("postgresql", "postgres", "postgresql", PLACES)
    home, port = servers.path("postgresql"), free_port()
    servers.own(home, "postgres")
    secret = os.path.join(home, "password")
    with open(secret, "w", encoding="utf-8") as file:
        file.write(PASSWORD + "\n")
    os.chmod(secret, 0o644)
    data = os.path.join(home, "data")
    servers.quietly([initdb, "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
                  "--locale=C.UTF-8"], cwd=home, **servers.as_user("postgres"))
    servers.copy_certificate(data, "postgres")
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
    options += os.environ.get("KEYROTATION_POSTGRESQL_OPTIONS", "").split()
    servers.spawn("postgresql", [postgres, "-D", data, *options], home, servers.as_user("postgres"), port)
    servers.environment["KEYROTATION_TEST_POSTGRESQL"] = str(port)
    # A dump is made by a program that is no older than its server.
    servers.environment["KEYROTATION_TEST_POSTGRESQL_PROGRAMS"] = os.path.dirname(os.path.abspath(initdb))


def mariadb(servers):
    install = server_program("mariadb", "mariadb-install-db", "mariadb-server", [])
    server = server_program("mariadb", "mariadbd", "mariadb-server", ["/usr/sbin"])
    programs = os.path.dirname(os.path.dirname(server))
    home, port = servers.path("mariadb"), free_port()
    servers.own(home, "mysql")
    data, first = os.path.join(home, "data"), os.path.join(home, "first.sql")
    # Temporary files of its own: a server that starts removes those of all others in a shared folder.
    fresh(servers, "mariadb", data, lambda: servers.quietly(
        [install, "--no-defaults", f"--basedir={programs}", f"--datadir={data}", f"--tmpdir={home}", "--skip-test-db",
         "--auth-root-authentication-method=normal"], cwd=home, **servers.as_user("mysql")))
    servers.copy_certificate(home, "mysql")
    quoted = PASSWORD.replace("'", "''")
    with open(first, "w", encoding="utf-8") as file:
        file.write("SET NAMES utf8mb4;\nDELETE FROM mysql.global_priv WHERE User = '';\n"
                   f"CREATE OR REPLACE USER root@'%' IDENTIFIED BY '{quoted}';\n"
                   f"GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n"
                   "DROP USER IF EXISTS root@localhost, root@'127.0.0.1', root@'::1';\n"
                   "FLUSH PRIVILEGES;\n")
    os.chmod(first, 0o644)
    settings = {"basedir": programs, "datadir": data, "tmpdir": home, "port": port, "bind-address": "127.0.0.1",
                "socket": os.path.join(home, "socket"), "innodb-buffer-pool-size": "512M", "innodb-log-file-size": "256M", "max-connections": 100,
                "init-file": first, "pid-file": os.path.join(home, "pid"), "skip-name-resolve": 1,
                "character-set-server": "utf8mb4", "ssl-cert": os.path.join(home, "server.pem"),
                "ssl-key": os.path.join(home, "server.key"), "ssl-ca": servers.environment["KEYROTATION_TEST_CA"]}
    options = [f"--{name}={value}" for name, value in settings.items()]
    servers.spawn("mariadb", [server, "--no-defaults", *options], home, servers.as_user("mysql"), port)
    servers.environment["KEYROTATION_TEST_MARIADB"] = str(port)


def mysql(servers):
    """With its own default settings: its logs, GTIDs, ways to log on and collations are what users have."""
    port, extra = free_port(), os.environ.get("KEYROTATION_MYSQL_OPTIONS", "").split()
    mysql_at(servers, "mysql", port, extra)
    servers.environment["KEYROTATION_TEST_MYSQL"] = str(port)


SMALLEST = 8 << 20  # bytes of a redo log of MySQL's; 100 MB are usual


def mysql_at(servers, name, port, extra=()):
    """Another one, in a folder of its own, with more options."""
    root = os.environ.setdefault("KEYROTATION_MYSQL_ROOT", MYSQL)
    if not os.path.isdir(root):
        fail(f"{root} is missing: bash tests/support/unpack.sh mysql-9.7 target/test-servers/mysql-9.7")
    server = server_program("mysql", "mysqld", "", [])
    programs = os.path.dirname(os.path.dirname(server))
    home = servers.path(name)
    servers.own(home, "mysql")
    data, first = os.path.join(home, "data"), os.path.join(home, "first.sql")
    paths = [f"--basedir={programs}", f"--datadir={data}", f"--tmpdir={home}"]
    user = servers.as_user("mysql") if servers.may_run(server, "mysql") else {}
    if not user and os.getuid() == 0:
        paths.append("--user=root")  # a folder above the program is closed to others
    fresh(servers, "mysql", data, lambda: servers.quietly(
        [server, "--no-defaults", *paths, f"--innodb-redo-log-capacity={SMALLEST}", "--initialize-insecure"], cwd=home, **user))
    if os.path.exists(os.path.join(data, "auto.cnf")):
        os.remove(os.path.join(data, "auto.cnf"))  # each server finds a number of its own
    servers.copy_certificate(home, "mysql")
    quoted = PASSWORD.replace("'", "''")
    with open(first, "w", encoding="utf-8") as file:
        file.write("SET sql_log_bin = 0;\n"  # each server of a cluster has these of its own
                   f"SET NAMES utf8mb4;\nCREATE USER IF NOT EXISTS root@'%' IDENTIFIED BY '{quoted}';\n"
                   "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\nDROP USER IF EXISTS root@localhost;\n")
    os.chmod(first, 0o644)
    settings = {"port": port, "bind-address": "127.0.0.1", "socket": os.path.join(home, "socket"), "mysqlx": "OFF",
                "init-file": first, "pid-file": os.path.join(home, "pid"), "secure-file-priv": "NULL",
                "ssl-cert": os.path.join(home, "server.pem"), "ssl-key": os.path.join(home, "server.key"),
                "ssl-ca": servers.environment["KEYROTATION_TEST_CA"]}
    if "KEYROTATION_TEST_FOLDER" in os.environ:  # one of a test's own: most of its short life would be writing of empty logs
        settings["innodb-redo-log-capacity"] = SMALLEST
    options = [f"--{name}={value}" for name, value in settings.items()]
    servers.spawn(name, [server, "--no-defaults", *paths, *options, *extra], home, user, port)
    servers.environment["KEYROTATION_TEST_MYSQL_PROGRAMS"] = os.path.abspath(os.path.join(root, "../bin"))


# For a Java that soon ends: no time is spent on becoming fast.
QUICKLY = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"]


def bridge(servers, java, javac, home):
    """A JAVA_HOME whose java has compiled the program's bridge: else each start of the program does so for a second. It
    is for H2 and what it stands in for; by way of the other drivers Java gets the source, as it does from users."""
    folder = os.path.join(home, "java")
    os.makedirs(os.path.join(folder, "bin"))
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/db/jdbc/Bridge.java")
    servers.quietly([javac, *[f"-J{option}" for option in QUICKLY], "-d", os.path.join(folder, "bridge"), source])
    os.symlink(os.path.join(os.path.dirname(os.path.dirname(os.path.realpath(java))), "lib"), os.path.join(folder, "lib"))
    script = os.path.join(folder, "bin/java")
    with open(script, "w") as file:
        file.write(f"""#!/bin/bash
# java OPTIONS -cp DRIVERS …/Bridge.java
arguments=("$@")
[[ ${{arguments[-3]}} == -cp ]] && cmp -s "${{arguments[-1]}}" "{source}" || exit 3
exec "{java}" "${{arguments[@]:0:$#-3}}" -Dcompiled="${{arguments[-1]}}" -cp "${{arguments[-2]}}:{folder}/bridge" Bridge
""")
    os.chmod(script, 0o755)
    servers.environment["JAVA_HOME"] = folder


def h2(servers):
    java, javac = program("java", "default-jdk-headless"), program("javac", "default-jdk-headless")
    jar, home = os.environ.get("KEYROTATION_TEST_JAR", "/usr/share/java/h2.jar"), servers.path("h2")
    if not os.path.exists(jar):
        fail(f"{jar} is missing: apt-get install libh2-java")
    os.makedirs(os.path.join(home, "data"))  # two tests that begin at once would both make it
    sources = os.path.join(os.path.dirname(os.path.abspath(__file__)), "java")
    names = [os.path.join(sources, f"{name}.java") for name in ("H2Server", "CountUpdates", "NoteChange", "StandIn")]
    servers.quietly([javac, *[f"-J{option}" for option in QUICKLY], "-cp", jar, "-d", home, *names])
    bridge(servers, java, javac, home)
    # The driver with which the server stands in for others: h2/stand-in.jar.
    with zipfile.ZipFile(os.path.join(home, "stand-in.jar"), "w") as driver:
        driver.writestr("META-INF/services/java.sql.Driver", "StandIn\n")
        for name in glob.glob(os.path.join(home, "StandIn*.class")):
            driver.write(name, os.path.basename(name))
    log = open(os.path.join(home, "log"), "ab")
    process = subprocess.Popen([java, *QUICKLY, "-Xmx512m", "-cp", f"{jar}:{home}", "H2Server", os.path.join(home, "data")],
                               stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, text=True,
                               start_new_session=True)
    servers.processes["h2"] = process
    ports = process.stdout.readline().split()
    if len(ports) != 2:
        servers.stop()
        fail("the H2 server does not start")
    servers.environment["KEYROTATION_TEST_H2"], servers.environment["KEYROTATION_TEST_H2_ADMIN"] = ports


ENGINES = {"postgresql": postgresql, "mariadb": mariadb, "mysql": mysql}
