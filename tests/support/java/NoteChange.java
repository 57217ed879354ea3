// A trigger of H2's that notes a changed row's key in its table's change log, as the triggers do that the scripts
// for Oracle, SQL Server and Db2 make: for the tests.

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.h2.api.Trigger;

public final class NoteChange implements Trigger {
    private static final Set<String> NO_KEY = Set.of("SYNC_ID", "AVAILABILITY", "SYNCED", "CHANGED_AT");

    private String log;
    /** Columns of the key, by their names, with their places in a row. */
    private final Map<String, Integer> key = new LinkedHashMap<>();

    @Override
    public void init(Connection connection, String schema, String trigger, String table, boolean before, int type)
            throws SQLException {
        log = table + "_TEMP";
        try (ResultSet found = connection.getMetaData().getColumns(null, schema, log, null)) {
            while (found.next()) {
                String name = found.getString("COLUMN_NAME");
                if (found.getString("TABLE_NAME").equals(log) && !NO_KEY.contains(name)) {
                    key.put(name, null);
                }
            }
        }
        try (ResultSet found = connection.getMetaData().getColumns(null, schema, table, null)) {
            while (found.next()) {
                if (found.getString("TABLE_NAME").equals(table)) {
                    int place = found.getInt("ORDINAL_POSITION") - 1;
                    key.replace(found.getString("COLUMN_NAME"), null, place);
                }
            }
        }
    }

    public void close() {} // H2 1.4 asks for these

    public void remove() {}

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        if (after == null || before != null && !of(before).equals(of(after))) {
            note(connection, of(before), 0);
        }
        if (after != null) {
            note(connection, of(after), 1);
        }
    }

    private List<Object> of(Object[] row) {
        List<Object> values = new ArrayList<>();
        key.values().forEach(place -> values.add(row[place]));
        return values;
    }

    private void note(Connection connection, List<Object> values, int availability) throws SQLException {
        String marks = String.join(", ", Collections.nCopies(values.size() + 1, "?"));
        String sql = "INSERT INTO " + log + " (" + String.join(", ", key.keySet()) + ", AVAILABILITY) VALUES (" + marks + ")";
        try (PreparedStatement entry = connection.prepareStatement(sql)) {
            int at = 0;
            for (Object value : values) {
                entry.setObject(++at, value);
            }
            entry.setInt(++at, availability);
            entry.execute();
        }
    }
}
