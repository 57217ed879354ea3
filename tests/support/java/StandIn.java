// A JDBC driver that takes the URLs of Oracle, SQL Server and Db2 and leads to an H2 server in its mode for
// them. What H2 does not take is put into its words here; everything else is executed as it comes.
//
//     jdbc:oracle:thin:@//127.0.0.1:PORT/NAME
//     jdbc:sqlserver://127.0.0.1:PORT;databaseName=NAME
//     jdbc:db2://127.0.0.1:PORT/NAME
//
// With `mem` for 127.0.0.1:PORT it is a database in memory. Statements of the scripts in `triggers` are in languages
// that H2 does not have: they are noted in a file beside this driver, NAME.script, with a zero byte behind each. Of
// them the log tables are made as they stand, but for the words for the time; for each trigger there is one in Java
// that notes the same (NoteChange); what a script drops is dropped.
//
// A statement that is still not H2's is an error, so a rotation that ends well has been understood whole.

import java.lang.reflect.InvocationHandler;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Proxy;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.sql.BatchUpdateException;
import java.sql.Connection;
import java.sql.Driver;
import java.sql.DriverManager;
import java.sql.DriverPropertyInfo;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.SQLFeatureNotSupportedException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Properties;
import java.util.logging.Logger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

public final class StandIn implements Driver {
    static {
        try {
            DriverManager.registerDriver(new StandIn());
        } catch (SQLException impossible) {
            throw new ExceptionInInitializerError(impossible);
        }
    }

    /** What H2 is asked for instead of a catalogue that it does not have, whoever's it is. */
    static final String TABLES = "SELECT UPPER(TABLE_NAME) FROM INFORMATION_SCHEMA.TABLES "
            + "WHERE TABLE_SCHEMA = SCHEMA() AND TABLE_TYPE = 'BASE TABLE' ORDER BY 1";
    static final String OBJECTS = "SELECT UPPER(TABLE_NAME) FROM INFORMATION_SCHEMA.TABLES "
            + "WHERE TABLE_SCHEMA = SCHEMA() UNION SELECT UPPER(TRIGGER_NAME) FROM INFORMATION_SCHEMA.TRIGGERS";
    static final String MADE = "SELECT 0, 'TRIGGER', TRIGGER_NAME FROM INFORMATION_SCHEMA.TRIGGERS "
            + "UNION SELECT 1, 'TABLE', TABLE_NAME FROM INFORMATION_SCHEMA.TABLES "
            + "WHERE TABLE_SCHEMA = SCHEMA() AND TABLE_NAME LIKE '%\\_TEMP' ORDER BY 1";
    /** A test writes into the comment of a trigger why it does not fire. */
    static final String TRIGGERS = "SELECT EVENT_OBJECT_TABLE, UPPER(TRIGGER_NAME), EVENT_MANIPULATION, "
            + "COALESCE(REMARKS, '') FROM INFORMATION_SCHEMA.TRIGGERS";
    static final String BYTES = "SELECT DISK_SPACE_USED(CAST(? AS VARCHAR))";
    static final String SESSIONS = "SELECT SESSION_ID, USER_NAME, 'a session', COALESCE(CLIENT_ADDR, 'here'), "
            + "CASE WHEN EXECUTING_STATEMENT IS NULL THEN 0 ELSE 1 END, "
            + "CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS ORDER BY 1";
    static final String SESSION = "SELECT SESSION_ID, CAST(SESSION_START AS VARCHAR) FROM INFORMATION_SCHEMA.SESSIONS "
            + "WHERE SESSION_ID = SESSION_ID()";
    static final String IDENTITY = "SELECT 'database ' || DATABASE_PATH()";
    static final String NOW = "SELECT DATEDIFF('MILLISECOND', TIMESTAMP '1970-01-01 00:00:00', LOCALTIMESTAMP)";
    static final String SINCE = "DATEDIFF('MILLISECOND', $1, LOCALTIMESTAMP)";
    static final String NOTHING = "SELECT 1";
    static final String NEAR = "SELECT TABLE_SCHEMA, TABLE_NAME, CASE TABLE_TYPE WHEN 'VIEW' THEN 'a view' "
            + "ELSE 'a table' END FROM INFORMATION_SCHEMA.TABLES WHERE UPPER(TABLE_NAME) = UPPER(CAST(? AS VARCHAR)) ORDER BY 1, 2";
    /** A test writes them into the comment of a table. */
    static final String POLICIES = "SELECT UPPER(TABLE_NAME), REMARKS FROM INFORMATION_SCHEMA.TABLES "
            + "WHERE TABLE_SCHEMA = SCHEMA() AND REMARKS LIKE 'the policy %'";
    static final String LOG_TABLE = "SELECT CASE TABLE_TYPE WHEN 'BASE TABLE' THEN '' "
            + "ELSE CONCAT('is a ', LOWER(TABLE_TYPE)) END FROM INFORMATION_SCHEMA.TABLES "
            + "WHERE TABLE_SCHEMA = SCHEMA() AND UPPER(TABLE_NAME) = CAST(? AS VARCHAR)";
    static final String TEXTS = "SELECT CASE WHEN c.TABLE_SCHEMA = SCHEMA() THEN '' ELSE c.TABLE_SCHEMA END, "
            + "c.TABLE_NAME, c.COLUMN_NAME, 1 FROM INFORMATION_SCHEMA.COLUMNS AS c JOIN INFORMATION_SCHEMA.TABLES AS t "
            + "ON t.TABLE_SCHEMA = c.TABLE_SCHEMA AND t.TABLE_NAME = c.TABLE_NAME WHERE t.TABLE_TYPE = 'BASE TABLE' "
            + "AND c.CHARACTER_MAXIMUM_LENGTH >= 200 ORDER BY 1, 2, 3";
    static final String NONE = "SELECT '', '' WHERE 1 = 0";

    /** What only the scripts in {@code triggers} send. */
    static final Pattern SCRIPT =
            Pattern.compile("_TEMP|_sync_|DDL_LOCK_TIMEOUT|NOEXEC|SET QUOTED_IDENTIFIER|LOCK_TIMEOUT 5000|LOCK TIMEOUT 5$");
    static final Pattern LOG = Pattern.compile("CREATE (TABLE \\w+_TEMP \\(.*?\\n *\\))", Pattern.DOTALL);
    static final Pattern TRIGGER = Pattern.compile("CREATE OR \\w+ TRIGGER (\\w+_sync_(insert|key|update|delete))"
            + "\\s+(?:AFTER \\w+ (?:OF [\\w, ]+ )?)?ON (\\w+)");
    /** The words of log tables that H2 does not have, in any of the three. */
    static final String[][] LOG_WORDS = {
        {"SYS_EXTRACT_UTC\\(SYSTIMESTAMP\\)|SYSUTCDATETIME\\(\\)|CURRENT TIMESTAMP", "LOCALTIMESTAMP"},
        {" COLLATE \\w+", ""},
        {",\\s*INDEX \\w+ \\([^)]*\\)", ""},
        {"CREATE TABLE", "CREATE TABLE IF NOT EXISTS"},
    };

    /** A database: its URL, H2's mode, its statements in H2's words, H2's errors by its codes. */
    enum Kind {
        ORACLE("jdbc:oracle:thin:@//([^/]+)/(\\w+)", "Oracle", new String[][] {
            {"ALTER SESSION SET .*", NOTHING},
            {".* FROM ALL_POLICIES .*", POLICIES},
            {"SELECT CASE WHEN o\\.OBJECT_TYPE .*", LOG_TABLE},
            {"SELECT CASE WHEN c\\.OWNER .*", TEXTS},
            {"SELECT SYS_CONTEXT\\('USERENV', 'CURRENT_SCHEMA'\\) FROM DUAL", "SELECT SCHEMA()"},
            {".* FROM ALL_OBJECTS .*", NEAR},
            {".* FROM ALL_TABLES .* UNION .*", OBJECTS},
            {".* FROM ALL_TABLES .*", TABLES},
            {".* FROM ALL_TRIGGERS .*", TRIGGERS},
            {".* FROM USER_SEGMENTS .*", BYTES},
            {".* FROM GV\\$SESSION .*", SESSIONS},
            {"SELECT .*'SESSIONID'.*", SESSION},
            {"SELECT .*'DB_UNIQUE_NAME'.*", IDENTITY},
            {"SELECT .* - DATE '1970-01-01'.*", NOW},
            {"ROUND\\(\\(CAST\\(SYS_EXTRACT_UTC\\(SYSTIMESTAMP\\) AS DATE\\) - CAST\\((\\w+) AS DATE\\)\\) \\* 86400000\\)", SINCE},
            {"TO_CHAR\\((\\w+)\\)", "CAST($1 AS VARCHAR)"},
            {" FOR UPDATE WAIT 30$", " FOR UPDATE"},
            {" PURGE$", ""},
        }, Map.of(50200, 30006, 40001, 60, 90131, 60, 23505, 1, 23502, 1400, 23513, 2290, 22001, 12899,
                23506, 2291, 23503, 2292)),
        SQL_SERVER("jdbc:sqlserver://([^;]+);databaseName=(\\w+)", "MSSQLServer", new String[][] {
            {"SET (XACT_ABORT|NOCOUNT|NUMERIC_ROUNDABORT) OFF", NOTHING},
            {"SET (ROWCOUNT|TEXTSIZE|QUERY_GOVERNOR_COST_LIMIT|ANSI_WARNINGS, .*|DATEFORMAT) \\w+", NOTHING},
            {"SELECT SCHEMA_NAME\\(schema_id\\), name, .*", NEAR},
            {".* FROM sys\\.security_predicates .*", POLICIES},
            {".* FROM sys\\.masked_columns .*", NONE},
            {"SELECT CASE WHEN o\\.type <> 'U' .*", LOG_TABLE},
            {"SELECT CASE WHEN t\\.object_id = .*", TEXTS},
            {"SELECT COALESCE\\(OBJECT_SCHEMA_NAME.*", "SELECT SCHEMA()"},
            {".* FROM sys\\.tables .*", TABLES},
            {".* FROM sys\\.objects .*", OBJECTS},
            {".* FROM sys\\.triggers .*", TRIGGERS},
            {".* FROM sys\\.partitions .*", BYTES},
            {".* FROM sys\\.dm_exec_sessions WHERE session_id = @@SPID", SESSION},
            {".* FROM sys\\.dm_exec_sessions .*", SESSIONS},
            {"SELECT N'recovery model'.*", "SELECT '', '' WHERE 1 = 0"},
            {"SELECT DB_NAME\\(\\), .*", "SELECT 'database ' || DATABASE_PATH(), 'a server', ''"},
            {".* FROM sys\\.databases .*", "SELECT '' WHERE 1 = 0"},
            {"SELECT CASE WHEN HAS_PERMS_BY_NAME.*", "SELECT 0"},
            {"SELECT CONCAT\\(N'database .*", IDENTITY},
            {"SELECT DATEDIFF_BIG\\(MILLISECOND, '1970-01-01', SYSUTCDATETIME\\(\\)\\)", NOW},
            {"DATEDIFF_BIG\\(MILLISECOND, (\\w+), SYSUTCDATETIME\\(\\)\\)", SINCE},
            {"CONVERT\\(VARCHAR\\(64\\), (\\w+), 126\\)", "CAST($1 AS VARCHAR)"},
            {"IF @@TRANCOUNT = 0 .* SAVE TRANSACTION (\\w+)", "SAVEPOINT $1"},
            {"ROLLBACK TRANSACTION (\\w+)", "ROLLBACK TO SAVEPOINT $1"},
            {"(SELECT .*) WITH \\(UPDLOCK, ROWLOCK\\)( WHERE .*)", "$1$2 FOR UPDATE"},
        }, Map.of(50200, 1222, 40001, 1205, 90131, 1205, 23505, 2627, 23502, 515, 23513, 547, 22001, 2628,
                23506, 547, 23503, 547)),
        DB2("jdbc:db2://([^/]+)/(\\w+)", "DB2", new String[][] {
            {"SET CURRENT LOCK TIMEOUT (\\d+)", "SET LOCK_TIMEOUT $1000"},
            {"SET CURRENT TEMPORAL \\w+ = NULL", NOTHING},
            {"SELECT TABSCHEMA, TABNAME, .*", NEAR},
            {"SELECT CASE WHEN TYPE <> 'T' .*", LOG_TABLE},
            {"SELECT CASE WHEN c\\.TABSCHEMA = .*", TEXTS},
            {"SELECT CURRENT SCHEMA FROM SYSIBM\\.SYSDUMMY1", "SELECT SCHEMA()"},
            {".* FROM SYSCAT\\.CONTROLS .*", POLICIES},
            {".* AND SECPOLICYID > 0 .*", NONE},
            {".* FROM SYSCAT\\.TABLES WHERE .* UNION .*", OBJECTS},
            {".* FROM SYSCAT\\.TABLES WHERE .*", TABLES},
            {".* FROM SYSCAT\\.TRIGGERS .*", TRIGGERS},
            {".* FROM SYSCAT\\.TABLES AS t JOIN .*", BYTES},
            {".* FROM TABLE\\(MON_GET_CONNECTION\\(MON_GET_APPLICATION_HANDLE\\(\\).*", SESSION},
            {".* FROM TABLE\\(MON_GET_CONNECTION.*", SESSIONS},
            {"SELECT 'schema ' .*", IDENTITY},
            {"SELECT .* - DAYS\\('1970-01-01'\\) .*", NOW},
            {"\\(\\(CAST\\(DAYS\\((?:CURRENT TIMESTAMP|\\(CURRENT TIMESTAMP - CURRENT TIMEZONE\\))\\) - DAYS\\((\\w+)\\) AS BIGINT\\)"
                    + ".*?MIDNIGHT_SECONDS\\(\\1\\)\\) \\* 1000\\)", SINCE},
            {" ON ROLLBACK RETAIN CURSORS$", ""},
            {" FOR READ ONLY WITH RS USE AND KEEP (UPDATE|EXCLUSIVE) LOCKS$", " FOR UPDATE"},
        }, Map.of(50200, -913, 40001, -911, 90131, -911, 23505, -803, 23502, -407, 23513, -545, 22001, -302,
                23506, -530, 23503, -532));

        final Pattern url;
        final String mode;
        final String[][] words;
        final Map<Integer, Integer> codes;

        Kind(String url, String mode, String[][] words, Map<Integer, Integer> codes) {
            this.url = Pattern.compile(url);
            this.mode = mode;
            this.words = words;
            this.codes = codes;
        }

        String inH2(String sql) {
            for (String[] word : words) {
                // $1000 is the first group and three zeros.
                String to = word[1].replace("$1000", "${n}000");
                String from = word[1].equals(to) ? word[0] : word[0].replace("(\\d+)", "(?<n>\\d+)");
                sql = Pattern.compile(from).matcher(sql).replaceAll(to);
            }
            return sql;
        }

        SQLException asOurs(SQLException h2) {
            Integer code = codes.get(h2.getErrorCode());
            if (h2 instanceof BatchUpdateException || code == null) {
                return h2;
            }
            return new SQLException(h2.getMessage(), h2.getSQLState(), code, h2);
        }
    }

    @Override
    public boolean acceptsURL(String url) {
        return url.startsWith("jdbc:oracle:") || url.startsWith("jdbc:sqlserver:") || url.startsWith("jdbc:db2:");
    }

    @Override
    public Connection connect(String url, Properties info) throws SQLException {
        for (Kind kind : Kind.values()) {
            Matcher named = kind.url.matcher(url);
            if (named.matches()) {
                Properties who = new Properties();
                who.setProperty("user", info.getProperty("user"));
                who.setProperty("password", info.getProperty("password"));
                boolean inMemory = named.group(1).equals("mem");
                String place = inMemory ? "mem:" : "tcp://" + named.group(1) + "/";
                String h2 = "jdbc:h2:" + place + named.group(2) + ";MODE=" + kind.mode;
                Connection connection = new org.h2.Driver().connect(h2, who);
                Session session = new Session(kind, connection, named.group(2), !inMemory);
                return (Connection) wrapped(connection, Connection.class, session);
            }
        }
        return null;
    }

    static Object wrapped(Object inner, Class<?> type, InvocationHandler handler) {
        return Proxy.newProxyInstance(StandIn.class.getClassLoader(), new Class<?>[] {type}, handler);
    }

    /** A connection, and the lock of an application that it may have: SQL Server's, which H2 does not know. */
    static final class Session implements InvocationHandler {
        final Kind kind;
        final Connection inner;
        final String name;
        final boolean notesScripts;
        FileChannel file;
        FileLock lock;

        Session(Kind kind, Connection inner, String name, boolean notesScripts) {
            this.kind = kind;
            this.inner = inner;
            this.name = name;
            this.notesScripts = notesScripts;
        }

        @Override
        public Object invoke(Object proxy, java.lang.reflect.Method method, Object[] arguments) throws Throwable {
            if (arguments != null && arguments.length > 0 && arguments[0] instanceof String
                    && method.getName().equals("prepareStatement")) {
                arguments[0] = words((String) arguments[0]);
            }
            if (method.getName().equals("close") && file != null) {
                file.close();
            }
            Object result = called(inner, method, arguments);
            return result instanceof Statement
                    ? wrapped(result, method.getReturnType(), (none, asked, values) -> {
                        if (values != null && values.length > 0 && values[0] instanceof String
                                && asked.getName().equals("execute")) {
                            boolean isScript = notesScripts && SCRIPT.matcher((String) values[0]).find();
                            values[0] = isScript ? noted((String) values[0]) : words((String) values[0]);
                        }
                        return called(result, asked, values);
                    })
                    : result;
        }

        Object called(Object inner, java.lang.reflect.Method method, Object[] arguments) throws Throwable {
            try {
                return method.invoke(inner, arguments);
            } catch (InvocationTargetException failed) {
                Throwable cause = failed.getCause();
                if (cause instanceof BatchUpdateException && ((SQLException) cause).getNextException() != null) {
                    throw kind.asOurs(((SQLException) cause).getNextException());
                }
                throw cause instanceof SQLException ? kind.asOurs((SQLException) cause) : cause;
            }
        }

        String words(String sql) throws SQLException {
            if (sql.contains(" FOR UPDATE NOWAIT")) {
                try (Statement statement = inner.createStatement()) {
                    statement.execute("SET LOCK_TIMEOUT 500"); // H2 takes the word and waits all the same
                }
            }
            if (sql.contains("sp_getapplock")) {
                return "SELECT " + (taken() ? 1 : 0);
            }
            if (sql.contains("sp_releaseapplock")) {
                return "SELECT " + (released() ? 1 : 0);
            }
            if (sql.contains("APPLOCK_MODE")) {
                return "SELECT " + (lock == null ? 0 : 1);
            }
            return kind.inH2(sql);
        }

        Path beside(String ending) {
            String jar = StandIn.class.getProtectionDomain().getCodeSource().getLocation().getPath();
            return Path.of(jar).resolveSibling(name + ending);
        }

        /** Notes a statement of a script; what is executed in its place does nothing. */
        String noted(String script) throws SQLException {
            try {
                byte[] bytes = (script + "\0").getBytes(StandardCharsets.UTF_8);
                Files.write(beside(".script"), bytes, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            } catch (java.io.IOException failed) {
                throw new SQLException(failed);
            }
            try (Statement statement = inner.createStatement()) {
                Matcher log = LOG.matcher(script);
                while (log.find()) {
                    String table = "CREATE " + log.group(1);
                    for (String[] word : LOG_WORDS) {
                        table = table.replaceAll(word[0], word[1]);
                    }
                    statement.execute(table);
                }
                Matcher trigger = TRIGGER.matcher(script);
                boolean makes = false;
                while (trigger.find()) {
                    makes = true;
                    statement.execute("CREATE TRIGGER IF NOT EXISTS " + trigger.group(1) + " AFTER "
                            + (trigger.group(2).equals("key") ? "UPDATE" : trigger.group(2))
                            + " ON " + trigger.group(3) + " FOR EACH ROW CALL 'NoteChange'");
                }
                if (!makes && script.contains("DROP")) {
                    List<String> there = new ArrayList<>();
                    try (ResultSet made = statement.executeQuery(MADE)) {
                        while (made.next()) {
                            Pattern name = Pattern.compile("\\b" + made.getString(3) + "\\b", Pattern.CASE_INSENSITIVE);
                            if (name.matcher(script).find()) {
                                there.add(made.getString(2) + " " + made.getString(3));
                            }
                        }
                    }
                    for (String made : there) {
                        statement.execute("DROP " + made);
                    }
                }
            }
            return NOTHING;
        }

        boolean taken() throws SQLException {
            try {
                file = FileChannel.open(beside(".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                lock = file.tryLock();
            } catch (OverlappingFileLockException ours) {
                lock = null;
            } catch (java.io.IOException failed) {
                throw new SQLException(failed);
            }
            return lock != null;
        }

        boolean released() throws SQLException {
            try {
                file.close();
                lock = null;
                return true;
            } catch (java.io.IOException failed) {
                throw new SQLException(failed);
            }
        }
    }

    @Override
    public DriverPropertyInfo[] getPropertyInfo(String url, Properties info) {
        return new DriverPropertyInfo[0];
    }

    @Override
    public int getMajorVersion() {
        return 1;
    }

    @Override
    public int getMinorVersion() {
        return 0;
    }

    @Override
    public boolean jdbcCompliant() {
        return false;
    }

    @Override
    public Logger getParentLogger() throws SQLFeatureNotSupportedException {
        throw new SQLFeatureNotSupportedException();
    }
}
