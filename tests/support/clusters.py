"""Clusters of throwaway servers for the tests: real ones, from Debian's packages.

    python3 tests/support/clusters.py serve galera      two nodes of MariaDB with Galera
    python3 tests/support/clusters.py serve beside-galera   a server of its own with a binary log, and likewise two nodes
    python3 tests/support/clusters.py serve streaming   PostgreSQL: a primary and a standby
    python3 tests/support/clusters.py serve logical     PostgreSQL: two servers, one to subscribe to the other
    python3 tests/support/clusters.py serve replica     MariaDB: a server and its replica
    python3 tests/support/clusters.py serve chain       MariaDB: a server, its replica, and the replica of that
    python3 tests/support/clusters.py serve mysql-replica   MySQL: a server and its replica
    python3 tests/support/clusters.py serve mysql-reader    MySQL, beside which one that only reads can be started
    python3 tests/support/clusters.py serve group       two members of a MySQL replication group that both take writes

Like servers.py, which starts each of the servers; it says where they are and then does what it is told:

    kill NAME       ends one with all that it has started, as if its machine had died
    start NAME      starts it again on its data
    freeze NAME     halts it (SIGSTOP), so that its partners find it silent; thaw NAME lets it go on
    copy NAME       starts a server on a copy of the primary's files, which takes writes at once
    promote NAME    makes a standby of PostgreSQL's a primary
    reader NAME     starts a MySQL on a copy of the first one's files that takes no writes, as a reader of Aurora
    part NAME       cuts a Galera node off from its partners; join NAME lets it find them again

The first server's port is told as that of its engine, so a test's deployment is on it; the others' are told in

    KEYROTATION_TEST_SECOND, KEYROTATION_TEST_THIRD
"""

import os
import signal
import subprocess
import sys
import time

from engines import MYSQL, PASSWORD, PLACES, fail, free_port, fresh, mysql_at, program
from servers import PATIENCE, Servers

PROVIDERS = ["/usr/lib/galera/libgalera_smm.so", "/usr/lib/galera-4/libgalera_smm.so", "/usr/lib64/galera-4/libgalera_smm.so"]
NAMES = ["", "SECOND", "THIRD"]


class Clusters(Servers):
    def tell(self, number, engine, port):
        name = NAMES[number] if number else engine.upper()
        self.environment[f"KEYROTATION_TEST_{name}"] = str(port)

    def start(self):
        self.certificates()
        getattr(self, sys.argv[2].replace("-", "_"))()

    # MariaDB

    def mariadb_home(self, name, number, copy_of=None):
        install = program("mariadb-install-db", "mariadb-server")
        home = self.path(name)
        self.own(home, "mysql")
        data = os.path.join(home, "data")
        if copy_of is None:
            fresh(self, "mariadb", data, lambda: self.quietly(
                [install, "--no-defaults", f"--datadir={data}", f"--tmpdir={home}", "--skip-test-db",
                 "--auth-root-authentication-method=normal"], cwd=home, **self.as_user("mysql")))
        first, quoted = os.path.join(home, "first.sql"), PASSWORD.replace("'", "''")
        with open(first, "w", encoding="utf-8") as file:
            file.write("SET NAMES utf8mb4;\nDELETE FROM mysql.global_priv WHERE User = '';\n"
                       f"CREATE OR REPLACE USER root@'%' IDENTIFIED BY '{quoted}';\n"
                       "GRANT ALL ON *.* TO root@'%' WITH GRANT OPTION;\n"
                       "DROP USER IF EXISTS root@localhost, root@'127.0.0.1', root@'::1';\nFLUSH PRIVILEGES;\n")
        os.chmod(first, 0o644)
        return home, data, first

    def mariadb_options(self, home, data, port, number):
        return {"datadir": data, "tmpdir": home, "port": port, "bind-address": "127.0.0.1",
                "socket": os.path.join(home, "socket"), "innodb-buffer-pool-size": "128M",
                "innodb-log-file-size": "64M", "max-connections": 100, "pid-file": os.path.join(home, "pid"),
                "skip-name-resolve": 1, "character-set-server": "utf8mb4", "server-id": number + 1}

    def galera(self):
        server = program("mariadbd", "mariadb-server", ["/usr/sbin"])
        program("rsync", "rsync")
        provider = next(filter(os.path.exists, PROVIDERS), None) or fail("galera is missing: apt-get install galera-4")
        talks = [free_port() for _ in range(2)]
        for number in range(2):
            name, port = f"node{number + 1}", free_port()
            home, data, first = self.mariadb_home(name, number)
            settings = self.mariadb_options(home, data, port, number)
            talk = talks[number]
            transfer, missing = free_port(), free_port()
            # A node that is silent is left out after some seconds: a busy machine may keep one waiting for a few.
            provided = [f"base_port={talk}", f"gmcast.listen_addr=tcp://127.0.0.1:{talk}",
                        f"ist.recv_addr=127.0.0.1:{missing}", "gcache.size=64M", "evs.suspect_timeout=PT8S",
                        "evs.inactive_timeout=PT15S", "evs.keepalive_period=PT0.5S", "evs.inactive_check_period=PT0.5S",
                        "pc.recovery=true"]
            settings.update({
                "binlog-format": "ROW", "innodb-autoinc-lock-mode": 2, "wsrep-on": "ON", "wsrep-provider": provider,
                "wsrep-cluster-name": "keyrotation", "wsrep-node-name": name, "wsrep-node-address": "127.0.0.1",
                "wsrep-node-incoming-address": f"127.0.0.1:{port}",
                "wsrep-provider-options": ";".join(provided), "wsrep-sst-method": "rsync",
                "wsrep-sst-receive-address": f"127.0.0.1:{transfer}"})
            # The init file changes accounts, which nodes do not tell each other there: each has its own.
            options = [f"--{key}={value}" for key, value in settings.items()]
            partners = ",".join(f"127.0.0.1:{talk}" for talk in talks)
            address = "gcomm://" if number == 0 else f"gcomm://127.0.0.1:{talks[0]}"
            command = [server, "--no-defaults", *options]
            init = [f"--init-file={first}"] if number == 0 else []
            self.spawn(name, [*command, f"--wsrep-cluster-address={address}", *init], home, self.as_user("mysql"), port)
            self.how[name] = (name, [*command, f"--wsrep-cluster-address=gcomm://{partners}"], home, self.as_user("mysql"), port)
            self.until_synced(port)
            self.tell(number, "mariadb", port)

    def beside_galera(self):
        self.galera()
        ports = [self.environment[f"KEYROTATION_TEST_{of}"] for of in ("MARIADB", "SECOND")]
        server, port = program("mariadbd", "mariadb-server", ["/usr/sbin"]), free_port()
        home, data, first = self.mariadb_home("beside", 2)
        settings = {**self.mariadb_options(home, data, port, 2), "init-file": first, "log-bin": "log"}
        options = [f"--{key}={value}" for key, value in settings.items()]
        self.spawn("beside", [server, "--no-defaults", *options], home, self.as_user("mysql"), port)
        for number, at in enumerate([port, *ports]):
            self.tell(number, "mariadb", at)
        self.until(lambda: self.ask_mariadb(port, "SELECT 1") == "1", "the server beside the cluster lets nobody in")

    def until_synced(self, port):
        begun = time.monotonic()
        while self.ask_mariadb(port, "SHOW STATUS LIKE 'wsrep_local_state_comment'") != "wsrep_local_state_comment\tSynced":
            if time.monotonic() - begun > PATIENCE:
                fail("a node does not join its cluster")
            time.sleep(0.1)

    def ask_mariadb(self, port, sql):
        client = program("mariadb", "mariadb-client")
        command = [client, "--no-defaults", "-h127.0.0.1", f"-P{port}", "-uroot", "--default-character-set=utf8mb4",
                   "-N", "-e", sql]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "MYSQL_PWD": PASSWORD})
        return done.stdout.strip()

    def replica(self):
        server = program("mariadbd", "mariadb-server", ["/usr/sbin"])
        ports = []
        for number in range(2):
            name, port = ["source", "replica"][number], free_port()
            home, data, first = self.mariadb_home(name, number)
            settings = {**self.mariadb_options(home, data, port, number), "init-file": first, "log-bin": "log"}
            options = [f"--{key}={value}" for key, value in settings.items()]
            self.spawn(name, [server, "--no-defaults", *options], home, self.as_user("mysql"), port)
            self.tell(number, "mariadb", port)
            ports.append(port)
        quoted = PASSWORD.replace("'", "''")
        begun = time.monotonic()
        follow = (f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={ports[0]}, MASTER_USER='root', "
                  f"MASTER_PASSWORD='{quoted}', MASTER_USE_GTID=slave_pos; SET GLOBAL gtid_slave_pos='{{at}}'; START SLAVE")
        while True:  # until its init file is through
            at = self.ask_mariadb(ports[0], "SELECT @@gtid_binlog_pos")
            self.ask_mariadb(ports[1], "RESET MASTER")
            self.ask_mariadb(ports[1], follow.format(at=at))
            if "Yes" in self.ask_mariadb(ports[1], "SHOW SLAVE STATUS"):
                return
            if time.monotonic() - begun > PATIENCE:
                fail("the replica does not follow")
            time.sleep(0.2)

    def chain(self):
        server = program("mariadbd", "mariadb-server", ["/usr/sbin"])
        ports = []
        for number, name in enumerate(["source", "middle", "last"]):
            port = free_port()
            home, data, first = self.mariadb_home(name, number)
            settings = {**self.mariadb_options(home, data, port, number), "init-file": first, "log-bin": "log",
                        "log-slave-updates": 1}
            options = [f"--{key}={value}" for key, value in settings.items()]
            self.spawn(name, [server, "--no-defaults", *options], home, self.as_user("mysql"), port)
            self.tell(number, "mariadb", port)
            ports.append(port)
        # Until its init file is through; what that has done is not for others.
        accounts = "SELECT COUNT(*) FROM mysql.global_priv WHERE Host = 'localhost' AND User = 'root'"
        for port in ports:
            self.until(lambda port=port: self.ask_mariadb(port, accounts) == "0", "a server lets nobody in")
            self.ask_mariadb(port, "RESET MASTER")
        quoted = PASSWORD.replace("'", "''")
        for source, port in [(ports[1], ports[2]), (ports[0], ports[1])]:
            self.ask_mariadb(port, f"CHANGE MASTER TO MASTER_HOST='127.0.0.1', MASTER_PORT={source}, MASTER_USER='root', "
                                   f"MASTER_PASSWORD='{quoted}', MASTER_USE_GTID=slave_pos; START SLAVE")
            self.until(lambda port=port: "Yes" in self.ask_mariadb(port, "SHOW SLAVE STATUS"), "a replica does not follow")

    # MySQL

    def ask_mysql(self, port, sql):
        client = os.path.join(self.environment["KEYROTATION_TEST_MYSQL_PROGRAMS"], "mysql")
        command = [client, "--no-defaults", "-h127.0.0.1", f"-P{port}", "-uroot", "--default-character-set=utf8mb4",
                   "-N", "-e", sql]
        done = subprocess.run(command, capture_output=True, text=True, env={**os.environ, "MYSQL_PWD": PASSWORD})
        return done.stdout.strip() if done.returncode == 0 else done.stderr

    def mysql_pair(self, names, options):
        ports = []
        for number, name in enumerate(names):
            port = free_port()
            # A table without a primary key gets one: a group takes no rows of others.
            mysql_at(self, name, port, ["--innodb-buffer-pool-size=128M", f"--server-id={number + 1}", "--gtid-mode=ON",
                                        "--enforce-gtid-consistency=ON", "--sql-generate-invisible-primary-key=ON",
                                        *options(number)])
            self.tell(number, "mysql", port)
            self.until(lambda: self.ask_mysql(port, "SELECT 1") == "1", f"{name} lets nobody in")
            ports.append(port)
        return ports

    def until(self, is_so, else_say):
        begun = time.monotonic()
        while not is_so():
            if time.monotonic() - begun > PATIENCE:
                fail(else_say)
            time.sleep(0.1)

    def mysql_replica(self):
        ports = self.mysql_pair(["source", "replica"], lambda _: [])
        quoted = PASSWORD.replace("'", "''")
        self.ask_mysql(ports[1], f"CHANGE REPLICATION SOURCE TO SOURCE_HOST='127.0.0.1', SOURCE_PORT={ports[0]}, "
                       f"SOURCE_USER='root', SOURCE_PASSWORD='{quoted}', SOURCE_AUTO_POSITION=1, SOURCE_SSL=1; "
                       "START REPLICA")
        running = "SELECT SERVICE_STATE FROM performance_schema.replication_connection_status"
        self.until(lambda: self.ask_mysql(ports[1], running) == "ON", "the replica does not follow")

    def mysql_reader(self):
        self.mysql_pair(["writer"], lambda _: [])
        self.environment["KEYROTATION_TEST_SECOND"] = str(free_port())

    def reader(self, name):
        _, command, home, user, port = self.how["writer"]
        self.processes["writer"].terminate()  # its files are sound only after a clean end
        self.processes["writer"].wait(PATIENCE)
        there = self.path(name)
        self.quietly(["cp", "-a", home, there])
        self.spawn("writer", command, home, user, port)
        os.remove(os.path.join(there, "data", "auto.cnf"))
        own = [part.replace(home, there) for part in command if not part.startswith(("--port", "--init-file"))]
        port = int(self.environment["KEYROTATION_TEST_SECOND"])
        self.spawn(name, [*own, f"--port={port}", "--innodb-read-only=ON", "--skip-log-bin"], there, user, port)

    def group(self):
        talks = [free_port() for _ in range(2)]
        seeds = ",".join(f"127.0.0.1:{talk}" for talk in talks)
        plugins = os.path.abspath(os.path.join(os.environ.get("KEYROTATION_MYSQL_ROOT", MYSQL), "usr/lib/mysql/plugin"))
        # Cascading foreign keys, which WSO2 has, go only without the check for writes everywhere.
        ports = self.mysql_pair(["node1", "node2"], lambda number: [
            f"--plugin-dir={plugins}", "--plugin-load-add=group_replication.so",
            "--loose-group-replication-group-name=6f0a6b5e-3c1d-4c0f-9a53-6a1d1f0c2b77",
            f"--loose-group-replication-local-address=127.0.0.1:{talks[number]}",
            f"--loose-group-replication-group-seeds={seeds}", "--loose-group-replication-start-on-boot=OFF",
            "--loose-group-replication-single-primary-mode=OFF", "--loose-group-replication-recovery-use-ssl=ON",
            "--loose-group-replication-enforce-update-everywhere-checks=OFF", "--report-host=127.0.0.1"])
        quoted = PASSWORD.replace("'", "''")
        for number, port in enumerate(ports):
            bootstrap = "SET GLOBAL group_replication_bootstrap_group={}; ".format
            self.ask_mysql(port, "CHANGE REPLICATION SOURCE TO SOURCE_USER='root', "
                           f"SOURCE_PASSWORD='{quoted}' FOR CHANNEL 'group_replication_recovery'")
            said = self.ask_mysql(port, (bootstrap("ON") if number == 0 else "") + "START GROUP_REPLICATION; "
                                  + bootstrap("OFF"))
            online = "SELECT COUNT(*) FROM performance_schema.replication_group_members WHERE MEMBER_STATE = 'ONLINE'"
            self.until(lambda: self.ask_mysql(port, online) == str(number + 1), f"a member does not join its group: {said}")

    # PostgreSQL

    def postgresql_options(self, home, port):
        settings = {"listen_addresses": "127.0.0.1", "port": port, "unix_socket_directories": home, "ssl": "off",
                    "shared_buffers": "64MB", "dynamic_shared_memory_type": "mmap", "wal_level": "logical",
                    "max_connections": 60, "wal_receiver_status_interval": 1}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def postgresql_at(self, name, number, base=None, standby=False, port=None):
        postgres, initdb = program("postgres", "postgresql", PLACES), program("initdb", "postgresql", PLACES)
        home, port = self.path(name), port or free_port()
        self.own(home, "postgres")
        data = os.path.join(home, "data")
        if base is None:
            secret = os.path.join(home, "password")
            with open(secret, "w", encoding="utf-8") as file:
                file.write(PASSWORD + "\n")
            os.chmod(secret, 0o644)
            self.quietly([initdb, "-D", data, "-U", "postgres", "-A", "scram-sha-256", "--pwfile", secret, "-E", "UTF8",
                          "--locale=C.UTF-8"], cwd=home, **self.as_user("postgres"))
        else:
            backup = program("pg_basebackup", "postgresql", PLACES)
            command = [backup, "-h", "127.0.0.1", "-p", str(base), "-U", "postgres", "-D", data, "-X", "stream",
                       "-c", "fast", *(["-R"] if standby else [])]
            self.quietly(command, cwd=home, env={**os.environ, "PGPASSWORD": PASSWORD}, **self.as_user("postgres"))
        self.spawn(name, [postgres, "-D", data, *self.postgresql_options(home, port)], home, self.as_user("postgres"), port)
        self.tell(number, "postgresql", port)
        return port

    def is_ready(self, port):
        ask = program("pg_isready", "postgresql-client", PLACES)
        return subprocess.run([ask, "-q", "-h", "127.0.0.1", "-p", str(port)]).returncode == 0

    def spawn(self, name, command, home, user, port):
        super().spawn(name, command, home, user, port)
        begun = time.monotonic()
        while "postgres" in command[0] and not self.is_ready(port):
            if time.monotonic() - begun > PATIENCE:
                fail(f"{name} does not answer")
            time.sleep(0.05)

    def streaming(self):
        primary = self.postgresql_at("primary", 0)
        self.postgresql_at("standby", 1, base=primary, standby=True)
        self.tell(2, "postgresql", free_port())

    def logical(self):
        self.postgresql_at("publisher", 0)
        self.postgresql_at("subscriber", 1)

    # What it is told

    def freeze(self, name):
        process = self.processes[name]
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)

    def thaw(self, name):
        self.processes[name].send_signal(signal.SIGCONT)

    def promote(self, name):
        control = program("pg_ctl", "postgresql", PLACES)
        self.quietly([control, "-D", self.path(name, "data"), "-w", "promote"], cwd=self.path(name), **self.as_user("postgres"))

    def copy(self, name):
        ports = [int(self.environment[f"KEYROTATION_TEST_{of}"]) for of in ("POSTGRESQL", "THIRD")]
        self.postgresql_at(name, 2, base=ports[0], port=ports[1])

    def isolated(self, name, yes):
        port = self.how[name][4]
        # The answer comes only if the first statement was taken.
        sql = f"SET GLOBAL wsrep_provider_options = 'gmcast.isolate={int(yes)}'; SHOW STATUS LIKE 'wsrep_ready'"
        self.until(lambda: "wsrep_ready" in self.ask_mariadb(port, sql), f"{name} is not cut off, or not let in again")


def serve():
    clusters = Clusters()
    try:
        clusters.start()
        for name, value in clusters.environment.items():
            print(f"{name}={value}")
        print("ready", flush=True)
        for line in sys.stdin:
            what, name = line.split()
            if what == "start":
                clusters.spawn(*clusters.how[name])
            elif what == "part":
                clusters.isolated(name, True)
            elif what == "join":
                clusters.isolated(name, False)
            else:
                getattr(clusters, what)(name)
            print("done", flush=True)
    finally:
        for process in clusters.processes.values():
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)  # who is halted cannot end
        clusters.stop()
    return 0


if __name__ == "__main__":
    if sys.argv[1:2] != ["serve"] or len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(serve())
