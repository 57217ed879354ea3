// An H2 server for the tests, and a way to its databases for an administrator without a JDBC driver.
//
//     java -cp h2.jar:. H2Server FOLDER      prints the ports of both; ends with its input
//
// The administrator's port takes frames: a length (4 bytes) and that many bytes of UTF-8. The first names
// the database, each other is a script; an empty one closes the session. The answer is a number of rows,
// for each row a number of columns, for each a length (-1 for NULL) and bytes; or -1 and an error.

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.List;
import org.h2.api.ErrorCode;
import org.h2.tools.DeleteDbFiles;
import org.h2.tools.Server;

public final class H2Server {
    static String folder;

    public static void main(String[] args) throws Exception {
        folder = args[0];
        Server server = Server.createTcpServer("-tcpPort", "0", "-baseDir", folder).start();
        ServerSocket socket = new ServerSocket(0, 50, InetAddress.getByName("127.0.0.1"));
        Thread accepting = new Thread(() -> accept(socket));
        accepting.setDaemon(true);
        accepting.start();
        System.out.println(server.getPort() + " " + socket.getLocalPort());
        System.out.flush();
        while (System.in.read() >= 0) {
            // until it ends
        }
        Runtime.getRuntime().halt(0);
    }

    static void accept(ServerSocket socket) {
        try {
            while (true) {
                Socket client = socket.accept();
                Thread serving = new Thread(() -> serve(client));
                serving.setDaemon(true);
                serving.start();
            }
        } catch (IOException over) {
            // so is the server
        }
    }

    static void serve(Socket client) {
        try (Socket socket = client;
                DataInputStream in = new DataInputStream(socket.getInputStream());
                DataOutputStream out = new DataOutputStream(
                        new java.io.BufferedOutputStream(socket.getOutputStream()))) {
            socket.setTcpNoDelay(true);
            String name = text(in);
            boolean opened = false;
            try (Connection connection = open("jdbc:h2:" + folder + "/" + name + ";DB_CLOSE_DELAY=-1")) {
                opened = true;
                for (String sql = text(in); !sql.isEmpty(); sql = text(in)) {
                    answer(connection, name, sql, out);
                    out.flush();
                }
            } catch (SQLException gone) {
                if (!opened) { // else it is after a shutdown
                    out.writeInt(-1);
                    write(out, gone.toString());
                }
            }
            out.writeInt(0);
            out.flush();
        } catch (EOFException left) {
            // without a word
        } catch (IOException broken) {
            System.err.println(broken);
        }
    }

    /** Opens a database, whose file a program that has just ended may hold for a moment. */
    static Connection open(String url) throws SQLException, IOException {
        for (int left = 600;; left--) {
            try {
                return DriverManager.getConnection(url, "sa", "admin");
            } catch (SQLException refused) {
                if (refused.getErrorCode() != ErrorCode.DATABASE_ALREADY_OPEN_1 || left == 0) {
                    System.err.println(refused);
                    throw refused;
                }
            }
            try {
                Thread.sleep(100);
            } catch (InterruptedException ended) {
                throw new IOException(ended);
            }
        }
    }

    static void answer(Connection connection, String name, String sql, DataOutputStream out) throws IOException {
        try (Statement statement = connection.createStatement()) {
            if (sql.equals("FORGET")) {
                statement.execute("SHUTDOWN IMMEDIATELY");
                DeleteDbFiles.execute(folder, name, true);
                out.writeInt(0);
                return;
            }
            List<List<String>> rows = new ArrayList<>();
            if (statement.execute(sql)) {
                ResultSet found = statement.getResultSet();
                int width = found.getMetaData().getColumnCount();
                while (found.next()) {
                    List<String> row = new ArrayList<>();
                    for (int at = 1; at <= width; at++) {
                        row.add(found.getString(at));
                    }
                    rows.add(row);
                }
            }
            out.writeInt(rows.size());
            for (List<String> row : rows) {
                out.writeInt(row.size());
                for (String cell : row) {
                    if (cell == null) {
                        out.writeInt(-1);
                    } else {
                        write(out, cell);
                    }
                }
            }
        } catch (SQLException refused) {
            out.writeInt(-1);
            write(out, refused.getMessage());
        }
    }

    static String text(DataInputStream in) throws IOException {
        byte[] bytes = new byte[in.readInt()];
        in.readFully(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }

    static void write(DataOutputStream out, String text) throws IOException {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        out.writeInt(bytes.length);
        out.write(bytes);
    }
}
