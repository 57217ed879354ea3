import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;

/**
 * Runs statements in a database that comes as a jar: {@code java -cp CLASSES:JARS RunStatements URL}.
 *
 * <p>Statements come in on standard input, each followed by a zero byte, and are committed one by one. Of a query
 * each row is printed as a line, its values with tabs between them. What follows {@code PREPARE} is only compiled, with
 * the marks in it. The first statement that is refused ends it, and is named.
 */
final class RunStatements {
    private static final String PREPARE = "PREPARE ";

    public static void main(String[] args) throws Exception {
        String input = new String(System.in.readAllBytes(), StandardCharsets.UTF_8);
        StringBuilder out = new StringBuilder();
        try (Connection connection = DriverManager.getConnection(args[0], "SA", "");
                Statement statement = connection.createStatement()) {
            statement.setEscapeProcessing(false);
            for (String sql : input.split("\0")) {
                try {
                    run(connection, statement, sql, out);
                } catch (SQLException refused) {
                    System.err.println(refused.getMessage() + "\nin: " + sql);
                    System.exit(1);
                }
            }
        }
        System.out.write(out.toString().getBytes(StandardCharsets.UTF_8));
        System.out.flush();
    }

    private static void run(Connection connection, Statement statement, String sql, StringBuilder out)
            throws SQLException {
        if (sql.startsWith(PREPARE)) {
            connection.prepareStatement(sql.substring(PREPARE.length())).close();
            return;
        }
        if (!statement.execute(sql)) {
            return;
        }
        try (ResultSet rows = statement.getResultSet()) {
            int columns = rows.getMetaData().getColumnCount();
            while (rows.next()) {
                for (int column = 1; column <= columns; column++) {
                    out.append(column == 1 ? "" : "\t").append(rows.getString(column));
                }
                out.append('\n');
            }
        }
    }
}
