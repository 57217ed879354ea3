// Moves statements and rows between keyrotation and a JDBC driver. It knows no SQL of its own.
//
// keyrotation starts it as `java -cp DRIVERS Bridge.java` and speaks to it over its standard input and
// output, in frames: a length (4 bytes, big-endian) and that many bytes. It ends with its input.
//
//   request: number (4), session (4), operation (1), what the operation takes
//   answer:  number of the request (4), kind (1), what the kind has; rows come in several answers
//
// A text is its length in bytes (4) and UTF-8; a value is a tag (1) and what it holds, see `Wire`.

import java.io.BufferedInputStream;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.BatchUpdateException;
import java.sql.Blob;
import java.sql.Connection;
import java.sql.DatabaseMetaData;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.ResultSetMetaData;
import java.sql.SQLException;
import java.sql.SQLNonTransientConnectionException;
import java.sql.SQLRecoverableException;
import java.sql.SQLTransientConnectionException;
import java.sql.Statement;
import java.sql.Types;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.LinkedBlockingQueue;

public final class Bridge {
    // Operations.
    static final int OPEN = 1;
    static final int QUERY = 2;
    static final int EACH = 3;
    static final int BATCH = 4;
    static final int SCRIPT = 5;
    static final int BEGIN = 6;
    static final int COMMIT = 7;
    static final int ROLLBACK = 8;
    static final int DESCRIBE = 9;
    static final int CLOSE = 10;
    static final int ABORT = 11;
    static final int CANCEL = 12;

    // Kinds of answers.
    static final int ROWS = 1;
    static final int DONE = 2;
    static final int FAILED = 3;

    /** The most bytes of rows in one answer, roughly. */
    static final int ANSWER = 256 << 10;
    /** Rows that a driver fetches at once. */
    static final int FETCH = 500;
    /** The longest value: what is longer is no value of an Identity Server's. */
    static final int LONGEST = 64 << 20;
    /** Prepared statements that a session keeps. */
    static final int STATEMENTS = 200;

    static final Map<Integer, Session> SESSIONS = new ConcurrentHashMap<>();
    static OutputStream out;

    public static void main(String[] args) throws IOException {
        out = new FileOutputStream(FileDescriptor.out);
        System.setOut(System.err); // a driver that prints must not spoil the answers
        DataInputStream in = new DataInputStream(new BufferedInputStream(System.in, 64 << 10));
        Answer hello = new Answer(0, DONE);
        hello.text(System.getProperty("java.version"));
        hello.send();
        try {
            while (true) {
                byte[] frame = new byte[in.readInt()];
                in.readFully(frame);
                take(new Request(frame));
            }
        } catch (EOFException ended) {
            // Whoever wanted something from here is gone; what is not committed is rolled back.
            Runtime.getRuntime().halt(0);
        }
    }

    static void take(Request request) {
        if (request.operation == ABORT) {
            Session session = SESSIONS.remove(request.session);
            if (session != null) {
                session.abort();
            }
            return;
        }
        if (request.operation == CANCEL) {
            Session session = SESSIONS.get(request.session);
            if (session != null) {
                session.cancel();
            }
            return;
        }
        SESSIONS.computeIfAbsent(request.session, Session::new).queue.add(request);
    }

    /** A request, read from its frame. */
    static final class Request {
        final int number;
        final int session;
        final int operation;
        final DataInputStream in;

        Request(byte[] frame) throws IOException {
            in = new DataInputStream(new ByteArrayInputStream(frame));
            number = in.readInt();
            session = in.readInt();
            operation = in.readByte();
        }

        String text() throws IOException {
            return new String(bytes(), StandardCharsets.UTF_8);
        }

        byte[] bytes() throws IOException {
            byte[] bytes = new byte[in.readInt()];
            in.readFully(bytes);
            return bytes;
        }

        /** Binds so many values. */
        void bind(PreparedStatement statement, int width, int nulls) throws IOException, SQLException {
            for (int at = 1; at <= width; at++) {
                int tag = in.readByte();
                switch (tag) {
                    case 'n':
                        statement.setNull(at, nulls);
                        break;
                    case 'i':
                        statement.setLong(at, in.readLong());
                        break;
                    case 'r':
                        statement.setDouble(at, in.readDouble());
                        break;
                    case 't':
                        statement.setString(at, text());
                        break;
                    case 'b':
                        statement.setBytes(at, bytes());
                        break;
                    default:
                        throw new IOException("a value with the tag " + tag);
                }
            }
        }
    }

    /** An answer, filled and then sent as one frame. */
    static final class Answer {
        private final ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        private final DataOutputStream data = new DataOutputStream(bytes);

        Answer(int number, int kind) throws IOException {
            data.writeInt(0); // its length, when that is known
            data.writeInt(number);
            data.writeByte(kind);
        }

        int size() {
            return bytes.size();
        }

        void number(long number) throws IOException {
            data.writeLong(number);
        }

        void text(String text) throws IOException {
            raw(text.getBytes(StandardCharsets.UTF_8));
        }

        void raw(byte[] raw) throws IOException {
            data.writeInt(raw.length);
            data.write(raw);
        }

        void width(int width) throws IOException {
            data.writeShort(width);
        }

        void nothing() throws IOException {
            data.writeByte('n');
        }

        void integer(long value) throws IOException {
            data.writeByte('i');
            data.writeLong(value);
        }

        void real(double value) throws IOException {
            data.writeByte('r');
            data.writeDouble(value);
        }

        /** Bytes as they are: of a binary value ('b'), or of a text that is encoded already ('t'). */
        void bytes(char tag, byte[] value) throws IOException {
            data.writeByte(tag);
            raw(value);
        }

        void string(String value) throws IOException {
            // Halves of surrogate pairs are no text.
            bytes(isText(value) ? 't' : 'x', value.getBytes(StandardCharsets.UTF_8));
        }

        /** Whole numbers of up to 64 bits as such, any other as its digits. */
        void decimal(BigDecimal value) throws IOException {
            if (value.signum() == 0 || (value.scale() <= 0 || value.stripTrailingZeros().scale() <= 0)) {
                try {
                    integer(value.longValueExact());
                    return;
                } catch (ArithmeticException tooLarge) {
                    // as its digits
                }
            }
            string(value.toPlainString());
        }

        void send() throws IOException {
            byte[] frame = bytes.toByteArray();
            int length = frame.length - 4;
            for (int at = 0; at < 4; at++) {
                frame[at] = (byte) (length >>> (24 - 8 * at));
            }
            synchronized (out) {
                out.write(frame);
                out.flush();
            }
        }

        private static boolean isText(String value) {
            for (int at = 0; at < value.length(); at++) {
                char c = value.charAt(at);
                if (Character.isHighSurrogate(c) && at + 1 < value.length()
                        && Character.isLowSurrogate(value.charAt(at + 1))) {
                    at++;
                } else if (Character.isSurrogate(c)) {
                    return false;
                }
            }
            return true;
        }
    }

    /** A connection and the thread that serves it: one request after the other. */
    static final class Session implements Runnable {
        final BlockingQueue<Request> queue = new LinkedBlockingQueue<>();
        private final int number;
        private volatile Connection connection;
        private volatile boolean over;
        /** What is executed now. */
        private volatile Statement current;
        /** As what a NULL is bound. */
        private int nulls;
        /** The driver gives the bytes of a text, and they are UTF-8: it need not be decoded and encoded again. */
        private boolean utf8;
        private final Map<String, PreparedStatement> statements =
                new LinkedHashMap<String, PreparedStatement>(16, 0.75f, true) {
                    @Override
                    protected boolean removeEldestEntry(Map.Entry<String, PreparedStatement> eldest) {
                        if (size() <= STATEMENTS) {
                            return false;
                        }
                        quietly(eldest.getValue());
                        return true;
                    }
                };

        Session(int number) {
            this.number = number;
            Thread thread = new Thread(this, "session " + number);
            thread.setDaemon(true);
            thread.start();
        }

        @Override
        public void run() {
            while (!over) {
                Request request;
                try {
                    request = queue.take();
                } catch (InterruptedException aborted) {
                    break;
                }
                try {
                    serve(request);
                } catch (Throwable problem) {
                    failed(request, problem);
                } finally {
                    current = null;
                }
            }
            quietly(connection);
        }

        /** Ends it, whatever it is at. */
        void abort() {
            over = true;
            queue.clear();
            Thread ending = new Thread(() -> {
                Connection open = connection;
                if (open == null) {
                    return; // it is seen to when it is there
                }
                try {
                    open.abort(Runnable::run);
                } catch (Throwable notAborted) {
                    quietly(open);
                }
            });
            ending.setDaemon(true);
            ending.start();
            queue.add(closing());
        }

        /** Ends what it executes, and leaves it open. */
        void cancel() {
            Thread ending = new Thread(() -> {
                Statement running = current;
                try {
                    if (running != null) {
                        running.cancel();
                    }
                } catch (Throwable notCancelled) {
                    // it is aborted, if that is needed
                }
            });
            ending.setDaemon(true);
            ending.start();
        }

        private static Request closing() {
            try {
                return new Request(new byte[] {0, 0, 0, 0, 0, 0, 0, 0, CLOSE});
            } catch (IOException impossible) {
                throw new IllegalStateException(impossible);
            }
        }

        private void serve(Request request) throws IOException, SQLException {
            Answer done = new Answer(request.number, DONE);
            switch (request.operation) {
                case OPEN:
                    open(request, done);
                    break;
                case QUERY:
                    query(request, done);
                    break;
                case EACH:
                    each(request);
                    break;
                case BATCH:
                    batch(request, done);
                    break;
                case SCRIPT:
                    script(request.text());
                    break;
                case BEGIN:
                    connection.setAutoCommit(false);
                    break;
                case COMMIT:
                    connection.commit();
                    connection.setAutoCommit(true);
                    break;
                case ROLLBACK:
                    connection.rollback();
                    connection.setAutoCommit(true);
                    break;
                case DESCRIBE:
                    new Description(connection.getMetaData(), request.text()).send(request.number);
                    break;
                case CLOSE:
                    over = true;
                    SESSIONS.remove(number);
                    if (connection != null) {
                        connection.close();
                    }
                    break;
                default:
                    throw new IOException("the operation " + request.operation);
            }
            done.send();
        }

        private void open(Request request, Answer done) throws IOException, SQLException {
            String url = request.text();
            boolean readOnly = request.in.readBoolean();
            nulls = request.in.readInt();
            String ofBytes = request.text();
            Properties properties = new Properties();
            for (int left = request.in.readInt(); left > 0; left--) {
                String name = request.text();
                properties.setProperty(name, request.text());
            }
            Connection opened = DriverManager.getConnection(url, properties);
            connection = opened;
            if (over) {
                opened.close();
                return;
            }
            opened.setAutoCommit(true);
            opened.setTransactionIsolation(Connection.TRANSACTION_READ_COMMITTED);
            opened.setReadOnly(readOnly);
            try (Statement statement = opened.createStatement()) {
                for (int left = request.in.readInt(); left > 0; left--) {
                    statement.execute(request.text());
                }
            }
            DatabaseMetaData data = opened.getMetaData();
            done.text(data.getDatabaseProductName());
            done.text(data.getDatabaseProductVersion());
            done.text(data.getDriverName() + " " + data.getDriverVersion());
            utf8 = data.getDriverName().equals(ofBytes);
            done.number(data.getDatabaseMajorVersion());
        }

        /** Runs a text as it is, and hears all that the server says of it. */
        private void script(String text) throws SQLException {
            try (Statement statement = connection.createStatement()) {
                statement.setEscapeProcessing(false);
                current = statement;
                statement.execute(text);
                while (statement.getMoreResults() || statement.getUpdateCount() != -1) {
                    // an error among them is thrown
                }
            }
        }

        private PreparedStatement prepared(String sql) throws SQLException {
            PreparedStatement statement = statements.get(sql);
            if (statement == null) {
                statement = connection.prepareStatement(sql);
                statement.setFetchSize(FETCH);
                statements.put(sql, statement);
            }
            current = statement;
            return statement;
        }

        private void query(Request request, Answer done) throws IOException, SQLException {
            PreparedStatement statement = prepared(request.text());
            request.bind(statement, request.in.readInt(), nulls);
            if (statement.execute()) {
                try (ResultSet rows = statement.getResultSet()) {
                    Rows answer = new Rows(request.number);
                    answer.add(rows, utf8);
                    answer.end();
                }
                done.number(-1);
            } else {
                done.number(statement.getUpdateCount()); // older drivers know no other
            }
        }

        /** One query for each set of values. */
        private void each(Request request) throws IOException, SQLException {
            PreparedStatement statement = prepared(request.text());
            int width = request.in.readInt();
            Rows answer = new Rows(request.number);
            for (int left = request.in.readInt(); left > 0; left--) {
                request.bind(statement, width, nulls);
                try (ResultSet rows = statement.executeQuery()) {
                    answer.add(rows, utf8);
                }
            }
            answer.end();
        }

        /** One change for each set of values; says how many rows each changed. */
        private void batch(Request request, Answer done) throws IOException, SQLException {
            PreparedStatement statement = prepared(request.text());
            int width = request.in.readInt();
            try {
                for (int left = request.in.readInt(); left > 0; left--) {
                    request.bind(statement, width, nulls);
                    statement.addBatch();
                }
                int[] counts = statement.executeBatch();
                done.number(counts.length);
                for (int count : counts) {
                    done.number(count);
                }
            } finally {
                statement.clearBatch();
            }
        }

        private void failed(Request request, Throwable problem) {
            Throwable cause = problem;
            if (cause instanceof BatchUpdateException && ((SQLException) cause).getNextException() != null) {
                cause = ((SQLException) cause).getNextException();
            } else if (cause instanceof BatchUpdateException && cause.getCause() instanceof SQLException) {
                cause = cause.getCause();
            }
            try {
                Answer failed = new Answer(request.number, FAILED);
                boolean sql = cause instanceof SQLException;
                String state = sql ? ((SQLException) cause).getSQLState() : null;
                failed.number(isGone(cause) ? 1 : 0);
                failed.text(state == null ? "" : state);
                failed.number(sql ? ((SQLException) cause).getErrorCode() : 0);
                String text = cause.getMessage();
                failed.text(sql && text != null ? text : cause.toString());
                failed.send();
            } catch (IOException unheard) {
                Runtime.getRuntime().halt(1);
            }
        }

        private static boolean isGone(Throwable problem) {
            return problem instanceof SQLNonTransientConnectionException
                    || problem instanceof SQLTransientConnectionException
                    || problem instanceof SQLRecoverableException;
        }

        private static void quietly(AutoCloseable closed) {
            try {
                if (closed != null) {
                    closed.close();
                }
            } catch (Exception ignored) {
                // it was of no more use
            }
        }
    }

    /** Rows on their way, in answers of a bounded size. */
    static final class Rows {
        /** A text whose bytes the driver gives: none of `Types`. */
        static final int UTF8 = Integer.MIN_VALUE;

        private final int number;
        private Answer answer;

        Rows(int number) throws IOException {
            this.number = number;
            answer = new Answer(number, ROWS);
        }

        void add(ResultSet rows, boolean utf8) throws IOException, SQLException {
            ResultSetMetaData columns = rows.getMetaData();
            int width = columns.getColumnCount();
            int[] types = new int[width + 1];
            for (int at = 1; at <= width; at++) {
                types[at] = columns.getColumnType(at);
                if (types[at] == Types.BIGINT && !columns.isSigned(at)) {
                    types[at] = Types.DECIMAL;
                } else if (utf8 && isOfText(types[at])) {
                    types[at] = UTF8;
                }
            }
            while (rows.next()) {
                Answer row = row(width);
                for (int at = 1; at <= width; at++) {
                    value(row, rows, at, types[at]);
                }
            }
        }

        Answer row(int width) throws IOException {
            if (answer.size() > ANSWER) {
                end();
                answer = new Answer(number, ROWS);
            }
            answer.width(width);
            return answer;
        }

        void end() throws IOException {
            answer.send();
        }

        private static boolean isOfText(int type) {
            return type == Types.VARCHAR || type == Types.CHAR || type == Types.LONGVARCHAR;
        }

        private static void value(Answer row, ResultSet rows, int at, int type)
                throws IOException, SQLException {
            switch (type) {
                case Types.BIT:
                case Types.BOOLEAN:
                    boolean flag = rows.getBoolean(at);
                    whole(row, rows, flag ? 1 : 0);
                    break;
                case Types.TINYINT:
                case Types.SMALLINT:
                case Types.INTEGER:
                case Types.BIGINT:
                    whole(row, rows, rows.getLong(at));
                    break;
                case Types.NUMERIC:
                case Types.DECIMAL:
                    BigDecimal decimal = rows.getBigDecimal(at);
                    if (decimal == null) {
                        row.nothing();
                    } else {
                        row.decimal(decimal);
                    }
                    break;
                case Types.REAL:
                case Types.FLOAT:
                case Types.DOUBLE:
                    double real = rows.getDouble(at);
                    if (rows.wasNull()) {
                        row.nothing();
                    } else {
                        row.real(real);
                    }
                    break;
                case Types.BLOB:
                    Blob blob = rows.getBlob(at);
                    if (blob == null) {
                        row.nothing();
                    } else {
                        long length = blob.length();
                        bounded(length);
                        row.bytes('b', length == 0 ? new byte[0] : blob.getBytes(1, (int) length));
                        blob.free();
                    }
                    break;
                case Types.BINARY:
                case Types.VARBINARY:
                case Types.LONGVARBINARY:
                case UTF8:
                    byte[] bytes = rows.getBytes(at);
                    if (bytes == null) {
                        row.nothing();
                    } else {
                        bounded(bytes.length);
                        row.bytes(type == UTF8 ? 't' : 'b', bytes);
                    }
                    break;
                default:
                    String text = rows.getString(at);
                    if (text == null) {
                        row.nothing();
                    } else {
                        bounded(text.length());
                        row.string(text);
                    }
            }
        }

        private static void whole(Answer row, ResultSet rows, long value) throws IOException, SQLException {
            if (rows.wasNull()) {
                row.nothing();
            } else {
                row.integer(value);
            }
        }

        private static void bounded(long length) throws SQLException {
            if (length > LONGEST) {
                throw new SQLException("a value has " + length + " bytes, more than " + LONGEST, "22001");
            }
        }
    }

    /** What the driver says of a table: rows of different widths. */
    static final class Description {
        private final DatabaseMetaData data;
        private final String table;

        Description(DatabaseMetaData data, String name) throws SQLException {
            this.data = data;
            if (data.storesUpperCaseIdentifiers()) {
                table = name.toUpperCase(java.util.Locale.ROOT);
            } else {
                table = data.storesLowerCaseIdentifiers() ? name.toLowerCase(java.util.Locale.ROOT) : name;
            }
        }

        /**
         * Columns (0, name, type, its name, length, no NULL, computed by the server, digits behind the point), then
         * unique columns (1, index, column).
         */
        void send(int number) throws IOException, SQLException {
            Connection connection = data.getConnection();
            String catalog = connection.getCatalog();
            String schema = connection.getSchema();
            schema = schema == null ? null : schema.trim(); // Db2's is filled up with blanks
            String escape = data.getSearchStringEscape();
            String pattern = escape == null ? table : table.replace("_", escape + "_");
            Rows rows = new Rows(number);
            try (ResultSet columns = data.getColumns(catalog, schema, pattern, null)) {
                while (columns.next()) {
                    if (!table.equalsIgnoreCase(columns.getString("TABLE_NAME"))) {
                        continue;
                    }
                    String name = columns.getString("COLUMN_NAME");
                    int type = columns.getInt("DATA_TYPE");
                    String typeName = columns.getString("TYPE_NAME");
                    long size = columns.getLong("COLUMN_SIZE");
                    long digits = columns.getLong("DECIMAL_DIGITS");
                    boolean unknown = columns.wasNull();
                    boolean notNull = columns.getInt("NULLABLE") == DatabaseMetaData.columnNoNulls;
                    boolean computed = says(columns, "IS_GENERATEDCOLUMN") || says(columns, "IS_AUTOINCREMENT");
                    Answer row = rows.row(8);
                    row.integer(0);
                    row.string(name);
                    row.integer(type);
                    row.string(typeName == null ? "" : typeName);
                    row.integer(size);
                    row.integer(notNull ? 1 : 0);
                    row.integer(computed ? 1 : 0);
                    if (unknown) {
                        row.nothing();
                    } else {
                        row.integer(digits);
                    }
                }
            }
            try (ResultSet key = data.getPrimaryKeys(catalog, schema, table)) {
                Map<Integer, String> ordered = new java.util.TreeMap<>();
                while (key.next()) {
                    ordered.put(key.getInt("KEY_SEQ"), key.getString("COLUMN_NAME"));
                }
                for (String column : ordered.values()) {
                    unique(rows, "primary key", column);
                }
            }
            try (ResultSet indexes = data.getIndexInfo(catalog, schema, table, true, true)) {
                while (indexes.next()) {
                    // A statistic has no column; an index with a condition makes nothing unique.
                    String column = indexes.getString("COLUMN_NAME");
                    String condition = indexes.getString("FILTER_CONDITION");
                    if (column != null && condition == null && !indexes.getBoolean("NON_UNIQUE")) {
                        unique(rows, indexes.getString("INDEX_NAME"), column);
                    }
                }
            }
            rows.end();
        }

        /** Older drivers do not have every label. */
        private static boolean says(ResultSet columns, String label) {
            try {
                return "YES".equalsIgnoreCase(columns.getString(label));
            } catch (SQLException absent) {
                return false;
            }
        }

        private static void unique(Rows rows, String index, String column) throws IOException {
            Answer row = rows.row(3);
            row.integer(1);
            row.string(index);
            row.string(column);
        }
    }
}
