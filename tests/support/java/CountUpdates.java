// A trigger of H2's that counts the updates of a table by key, for the tests.

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.h2.api.Trigger;

public final class CountUpdates implements Trigger {
    private String table;
    private final List<Integer> key = new ArrayList<>();

    @Override
    public void init(Connection connection, String schema, String trigger, String name, boolean before, int type)
            throws SQLException {
        table = name;
        Map<Integer, String> columns = new TreeMap<>();
        try (ResultSet found = connection.getMetaData().getPrimaryKeys(null, schema, name)) {
            while (found.next()) {
                columns.put(found.getInt("KEY_SEQ"), found.getString("COLUMN_NAME"));
            }
        }
        for (String column : columns.values()) {
            try (ResultSet found = connection.getMetaData().getColumns(null, schema, name, column)) {
                while (found.next()) {
                    if (found.getString("TABLE_NAME").equals(name) && found.getString("COLUMN_NAME").equals(column)) {
                        key.add(found.getInt("ORDINAL_POSITION") - 1);
                    }
                }
            }
        }
    }

    public void close() {} // H2 1.4 asks for these

    public void remove() {}

    @Override
    public void fire(Connection connection, Object[] before, Object[] after) throws SQLException {
        StringBuilder text = new StringBuilder();
        for (int at : key) {
            text.append(text.length() == 0 ? "" : "/").append(after[at]);
        }
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO E2E_UPDATES VALUES (?, ?)")) {
            insert.setString(1, table);
            insert.setString(2, text.toString());
            insert.execute();
        }
    }
}
