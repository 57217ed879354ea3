//! The server's home: user stores, event publishers and receivers, and other files among them.
//!
//! The files differ where hands and editors make files differ (CRLF, byte order mark, comments,
//! CDATA, quotes, the case of `TRUE`), so that a rotation that does more than it should shows.

use std::fs;
use std::path::Path;

use super::world::World;
use super::written;
use crate::error::Result;

const SERVER: &str = "repository/deployment/server";

/// Writes the home's files.
pub(super) fn write(home: &Path, world: &mut World) -> Result<()> {
    let mut home = Home { root: home, world };
    home.plain("bin/version.txt", "WSO2 Identity Server v6.1.0\n")?;
    home.plain("repository/conf/deployment.toml", DEPLOYMENT)?;
    home.plain(&format!("{SERVER}/userstores/README.txt"), "Secondary user stores of the super tenant.\n")?;
    home.user_stores()?;
    home.publishers()?;
    home.receivers()
}

const DEPLOYMENT: &str = r#"[server]
hostname = "is.example.com"
node_ip = "127.0.0.1"

[encryption]
key = "$secret{encryption_key}"

[database.identity_db]
type = "h2"
url = "jdbc:h2:./repository/database/WSO2IDENTITY_DB;DB_CLOSE_ON_EXIT=FALSE"
username = "wso2carbon"
password = "$secret{identity_db_password}"

[database.shared_db]
type = "h2"
url = "jdbc:h2:./repository/database/WSO2SHARED_DB;DB_CLOSE_ON_EXIT=FALSE"
username = "wso2carbon"
password = "$secret{shared_db_password}"

[oauth.extensions]
token_persistence_processor = "org.wso2.carbon.identity.oauth.tokenprocessor.EncryptionDecryptionPersistenceProcessor"
"#;

struct Home<'a> {
    root: &'a Path,
    world: &'a mut World,
}

impl Home<'_> {
    fn user_stores(&mut self) -> Result<()> {
        let stores = format!("{SERVER}/userstores");
        let password = self.seal("acme-db-Passw0rd")?;
        self.sealed(&format!("{stores}/ACME.xml"), 1, &jdbc_store("ACME", &password))?;

        // Saved on Windows.
        let password = self.seal("ldap-bind-secret")?;
        self.sealed(
            &format!("{stores}/PARTNERS_COM.xml"),
            1,
            &ldap_store("PARTNERS.COM", &password).replace('\n', "\r\n"),
        )?;

        // A byte order mark, another case, single quotes, two secrets, and what only looks like a third.
        let (bind, trust) = (self.seal("legacy-bind")?, self.seal("legacy-truststore")?);
        let legacy = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<UserStoreManager class="com.example.LegacyUserStoreManager">
    <!-- moved to the new directory in March:
         <Property encrypted="true" name="ConnectionPassword">no longer used</Property> -->
    <Property name="ConnectionURL">ldaps://legacy.example.com:636</Property>
    <Property name='ConnectionPassword' encrypted='TRUE'>
        {bind}
    </Property>
    <Property encrypted="true" name="TrustStorePassword">{trust}</Property >
    <Property encrypted="false" name="password">not-a-secret</Property>
    <Property name="DomainName">LEGACY</Property>
    <Property name="Description">R&amp;D &lt;old&gt;</Property>
</UserStoreManager>
"#
        );
        self.sealed(&format!("{stores}/LEGACY.xml"), 2, &format!("\u{feff}{legacy}"))?;

        for (tenant, domain) in [(1, "SALES"), (2, "SUPPORT")] {
            let password = self.seal(&format!("{domain}-db-Passw0rd"))?;
            let path = format!("repository/tenants/{tenant}/userstores/{domain}.xml");
            self.sealed(&path, 1, &jdbc_store(domain, &password))?;
        }
        Ok(())
    }

    fn publishers(&mut self) -> Result<()> {
        let publishers = format!("{SERVER}/eventpublishers");
        let password = self.seal("audit-http-Passw0rd")?;
        self.sealed(&format!("{publishers}/HttpAudit.xml"), 1, &http_publisher("HttpAudit", &password))?;

        let (password, secured) = (self.seal("jms-Passw0rd")?, self.seal("keyStorePassword:jms-key-store")?);
        let jms = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<eventPublisher name="JmsOrders" statistics="disable" trace="disable" xmlns="http://wso2.org/carbon/eventpublisher">
  <from streamName="org.wso2.is.orders" version="1.0.0"/>
  <mapping customMapping="disable" type="json"/>
  <to eventAdapterType="jms">
    <property name="transport.jms.DestinationType">topic</property>
    <property encrypted="true" name="transport.jms.Password"><![CDATA[{password}]]></property>
    <property encrypted="true" name="jms.secured.properties">{secured}</property>
    <property name="transport.jms.UserName">orders</property>
  </to>
</eventPublisher>
"#
        );
        self.sealed(&format!("{publishers}/JmsOrders.xml"), 2, &jms)?;

        let logger = r#"<?xml version="1.0" encoding="UTF-8"?>
<eventPublisher name="Logger" statistics="disable" trace="disable" xmlns="http://wso2.org/carbon/eventpublisher">
  <from streamName="org.wso2.is.logins" version="1.0.0"/>
  <mapping customMapping="disable" type="text"/>
  <to eventAdapterType="logger">
    <property name="uniqueId">demo</property>
  </to>
</eventPublisher>
"#;
        self.sealed(&format!("{publishers}/Logger.xml"), 0, logger)?;

        let password = self.seal("tenant-http-Passw0rd")?;
        self.sealed(
            "repository/tenants/1/eventpublishers/TenantHttp.xml",
            1,
            &http_publisher("TenantHttp", &password),
        )
    }

    fn receivers(&mut self) -> Result<()> {
        let password = self.seal("mqtt-Passw0rd")?;
        let receiver = format!(
            r#"<?xml version="1.0" encoding="UTF-8"?>
<eventReceiver name="MqttIn" statistics="disable" trace="disable" xmlns="http://wso2.org/carbon/eventreceiver">
  <from eventAdapterType="mqtt">
    <property name="topic">logins</property>
    <property encrypted="true" name="password">{password}</property>
  </from>
  <mapping customMapping="disable" type="json"/>
  <to streamName="org.wso2.is.logins" version="1.0.0"/>
</eventReceiver>
"#
        );
        self.sealed(&format!("{SERVER}/eventreceivers/MqttIn.xml"), 1, &receiver)
    }

    fn seal(&mut self, plaintext: &str) -> Result<String> {
        Ok(self.world.sealed(plaintext)?.stored.unwrap_or_default())
    }

    fn sealed(&mut self, path: &str, sealed: u64, content: &str) -> Result<()> {
        self.world.counts.file(sealed);
        self.plain(path, content)
    }

    fn plain(&self, path: &str, content: &str) -> Result<()> {
        let path = self.root.join(path);
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(|error| written(folder, &error))?;
        }
        fs::write(&path, content).map_err(|error| written(&path, &error))
    }
}

fn jdbc_store(domain: &str, password: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<UserStoreManager class="org.wso2.carbon.user.core.jdbc.UniqueIDJDBCUserStoreManager">
      <Property name="driverName">org.h2.Driver</Property>
      <Property name="url">jdbc:h2:./repository/database/{domain}_USERS</Property>
      <Property name="userName">users</Property>
      <Property encrypted="true" name="password">{password}</Property>
      <Property name="UniqueID">{domain}-1</Property>
      <Property name="DomainName">{domain}</Property>
      <Property name="Description"/>
</UserStoreManager>
"#
    )
}

fn ldap_store(domain: &str, password: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<UserStoreManager class="org.wso2.carbon.user.core.ldap.UniqueIDReadWriteLDAPUserStoreManager">
      <!-- bind account of the directory team -->
      <Property name="ConnectionURL">ldaps://ldap.example.com:636</Property>
      <Property name="ConnectionName">uid=is,ou=system</Property>
      <Property encrypted="true" name="ConnectionPassword">{password}</Property>
      <Property name="UserSearchBase">ou=Users,dc=example,dc=com</Property>
      <Property name="DomainName">{domain}</Property>
</UserStoreManager>
"#
    )
}

fn http_publisher(name: &str, password: &str) -> String {
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<eventPublisher name="{name}" statistics="disable" trace="disable" xmlns="http://wso2.org/carbon/eventpublisher">
  <from streamName="org.wso2.is.audit" version="1.0.0"/>
  <mapping customMapping="disable" type="json"/>
  <to eventAdapterType="http">
    <property name="http.client.method">HttpPost</property>
    <property name="http.url">https://audit.example.com/events</property>
    <property name="http.username">audit</property>
    <property encrypted="true" name="http.password">{password}</property>
  </to>
</eventPublisher>
"#
    )
}
