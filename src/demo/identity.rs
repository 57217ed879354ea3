//! The identity database's other tables: claims, workflow, secrets.

use sqlx::SqliteConnection;

use super::counts::{Cell, Kind};
use super::java_request::{Parameter, Request, Value};
use super::world::{World, pick};
use super::{Sizes, database};
use crate::error::Result;

const CLAIMS: &str = "http://wso2.org/claims/identity/";

const INSERT_CLAIM: &str =
    "INSERT INTO IDN_IDENTITY_USER_DATA (TENANT_ID, USER_NAME, DATA_KEY, DATA_VALUE) VALUES (?, ?, ?, ?)";

const INSERT_PROFILE: &str = "INSERT INTO WF_BPS_PROFILE (PROFILE_NAME, HOST_URL_MANAGER, HOST_URL_WORKER, \
    USERNAME, PASSWORD, CALLBACK_HOST, TENANT_ID) VALUES (?, ?, ?, ?, ?, ?, ?)";

const INSERT_REQUEST: &str = "INSERT INTO WF_REQUEST (UUID, CREATED_BY, TENANT_ID, OPERATION_TYPE, CREATED_AT, \
    UPDATED_AT, STATUS, REQUEST) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

const INSERT_SECRET_TYPE: &str = "INSERT INTO IDN_SECRET_TYPE (ID, NAME, DESCRIPTION) VALUES (?, ?, ?)";

const INSERT_SECRET: &str = "INSERT INTO IDN_SECRET (ID, TENANT_ID, SECRET_NAME, SECRET_VALUE, CREATED_TIME, \
    LAST_MODIFIED, TYPE_ID, DESCRIPTION) VALUES (?, ?, ?, ?, ?, ?, ?, ?)";

const INSERT_PROPERTY: &str = "INSERT INTO IDN_XACML_SUBSCRIBER_PROPERTY (PROPERTY_ID, DISPLAY_NAME, \
    PROPERTY_VALUE, IS_REQUIRED, DISPLAY_ORDER, IS_SECRET, PROPERTY_MODULE, SUBSCRIBER_ID, TENANT_ID) \
    VALUES (?, ?, ?, 1, ?, ?, ?, ?, -1234)";

/// Fills the tables of this module.
pub(super) async fn fill(db: &mut SqliteConnection, world: &mut World, sizes: &Sizes) -> Result<()> {
    for number in 0..sizes.users {
        claims(db, world, number).await?;
    }
    profiles(db, world).await?;
    for number in 0..sizes.requests {
        request(db, world, number).await?;
    }
    secrets(db, world).await?;
    subscriber_properties(db, world).await
}

async fn claims(db: &mut SqliteConnection, world: &mut World, number: u64) -> Result<()> {
    let mut claims = vec![
        ("failedLoginAttempts", Cell::plain((number % 4).to_string())),
        ("lastLogonTime", Cell::plain((1_768_003_200_000 + number * 86_111).to_string())),
        ("accountLocked", Cell::plain("false")),
        ("preferredChannel", if number.is_multiple_of(9) { Cell::null() } else { Cell::plain("EMAIL") }),
    ];
    if number.is_multiple_of(2) {
        let secret = world.random.base32(32);
        claims.push(("secretkey", world.sealed(&secret)?));
    }
    if number.is_multiple_of(6) {
        let secret = world.random.base32(32);
        claims.push(("verifySecretkey", world.sealed(&secret)?));
    }
    if number.is_multiple_of(5) {
        // A claim that somebody declared with EnableEncryption.
        let answer = format!("Zürich, house {number}");
        claims.push((
            "nationalId",
            if number.is_multiple_of(10) { world.sealed(&answer)? } else { world.empty() },
        ));
    }
    let user = World::user(number);
    for (key, value) in claims {
        sqlx::query(INSERT_CLAIM)
            .bind(user.tenant)
            .bind(user.qualified())
            .bind(format!("{CLAIMS}{key}"))
            .bind(value.stored)
            .execute(&mut *db)
            .await
            .map_err(database)?;
        world.counts.row("IDN_IDENTITY_USER_DATA", &[value.kind]);
    }
    Ok(())
}

async fn profiles(db: &mut SqliteConnection, world: &mut World) -> Result<()> {
    for (name, tenant, old) in [
        ("embeded_bps", -1234, true),
        ("approvals", -1234, false),
        ("embeded_bps", 1, false),
        ("approvals", 2, false),
    ] {
        let password = if old { Cell::plain("admin") } else { world.sealed("bps-Passw0rd!")? };
        sqlx::query(INSERT_PROFILE)
            .bind(name)
            .bind("https://bps.example.com:9444/services")
            .bind("https://bps.example.com:9445/services")
            .bind("admin")
            .bind(password.stored)
            .bind("https://is.example.com:9443/services")
            .bind(tenant)
            .execute(&mut *db)
            .await
            .map_err(database)?;
        world.counts.row("WF_BPS_PROFILE", &[password.kind]);
    }
    Ok(())
}

async fn request(db: &mut SqliteConnection, world: &mut World, number: u64) -> Result<()> {
    let uuid = world.random.uuid();
    let user = World::user(number * 7);
    let credential = match number % 10 {
        6 => Cell::null(),
        8 => Cell::plain("left-in-plain"),
        _ => world.sealed(&format!("Initial#{number}"))?,
    };
    let (event, blob, kind) = match number % 10 {
        2 => ("ADD_ROLE", None, Kind::Null),
        4 => ("ADD_ROLE", Some(add_role(&uuid, &user.name, tenant(user.tenant))?), Kind::Plain),
        _ => {
            let blob =
                add_user(&uuid, &user.name, user.domain, tenant(user.tenant), credential.stored.as_deref())?;
            // An object without a credential has nothing to rotate, but is not NULL.
            ("ADD_USER", Some(blob), credential.kind.max(Kind::Plain))
        }
    };
    sqlx::query(INSERT_REQUEST)
        .bind(&uuid)
        .bind("admin")
        .bind(user.tenant)
        .bind(event)
        .bind(world.time(number * 977))
        .bind(world.time(number * 977 + 60))
        .bind(pick(&["PENDING", "PENDING", "APPROVED", "REJECTED", "DELETED"], number))
        .bind(blob)
        .execute(db)
        .await
        .map_err(database)?;
    world.counts.row("WF_REQUEST", &[kind]);
    Ok(())
}

/// A request for a new user: the parameters that the server's handler gives it, in its order.
pub(super) fn add_user(
    uuid: &str,
    name: &str,
    domain: &str,
    tenant: i32,
    credential: Option<&str>,
) -> Result<Vec<u8>> {
    let mail = format!("{name}@example.com");
    let claims = [
        ("http://wso2.org/claims/emailaddress", mail.as_str()),
        ("http://wso2.org/claims/nickname", "🔑 漢字"),
    ];
    let parameter = |name, value, value_type| Parameter { name, value, value_type, required: false };
    let parameters = [
        parameter("Claims", Value::Map(&claims), "STRING_STRING_MAP"),
        parameter("Username", Value::Text(name), "STRING"),
        parameter("Roles", Value::List(&["Internal/everyone", "approvers"]), "STRING_LIST"),
        parameter("User Store Domain", Value::Text(domain), "STRING"),
        parameter("Profile", Value::Null, "OTHER"),
        parameter("Credential", credential.map_or(Value::Null, Value::Text), "OTHER"),
        parameter("REQUEST ID", Value::Text(uuid), "STRING"),
    ];
    Request { tenant, event: "ADD_USER", uuid, parameters: &parameters }.write()
}

fn add_role(uuid: &str, user: &str, tenant: i32) -> Result<Vec<u8>> {
    let parameters = [
        Parameter {
            name: "Role Name",
            value: Value::Text("approvers"),
            value_type: "STRING",
            required: true,
        },
        Parameter {
            name: "User List",
            value: Value::List(&[user]),
            value_type: "STRING_LIST",
            required: false,
        },
    ];
    Request { tenant, event: "ADD_ROLE", uuid, parameters: &parameters }.write()
}

fn tenant(id: i64) -> i32 {
    i32::try_from(id).unwrap_or_default()
}

async fn secrets(db: &mut SqliteConnection, world: &mut World) -> Result<()> {
    let types = ["ADAPTIVE_AUTH_CALL_CHOREO", "IDP_SECRET_PROPERTIES", "ACTION_API_ENDPOINT_AUTH_SECRETS"];
    for name in types {
        let id = world.random.uuid();
        sqlx::query(INSERT_SECRET_TYPE)
            .bind(&id)
            .bind(name)
            .bind(format!("Secrets of {name}"))
            .execute(&mut *db)
            .await
            .map_err(database)?;
        for number in 0..4 {
            let plaintext = format!("{{\"clientSecret\":\"{}\"}}", world.random.hex(2));
            let secret = world.sealed(&plaintext)?;
            sqlx::query(INSERT_SECRET)
                .bind(world.random.uuid())
                .bind(World::user(number).tenant)
                .bind(format!("{}:{}:{number}", world.random.uuid(), name.to_lowercase()))
                .bind(secret.stored)
                .bind(world.time(number * 7211))
                .bind(world.time(number * 7211))
                .bind(&id)
                .bind("made by the demo")
                .execute(&mut *db)
                .await
                .map_err(database)?;
            world.counts.row("IDN_SECRET", &[secret.kind]);
        }
    }
    Ok(())
}

async fn subscriber_properties(db: &mut SqliteConnection, world: &mut World) -> Result<()> {
    for subscriber in ["gateway", "portal"] {
        for (order, property) in
            ["subscriberURL", "subscriberUserName", "subscriberPassword"].into_iter().enumerate()
        {
            let secret = property == "subscriberPassword";
            let value = match property {
                "subscriberPassword" => world.sealed("subscriber-Passw0rd")?,
                "subscriberUserName" => Cell::plain("admin"),
                _ => Cell::plain(format!("https://{subscriber}.example.com/services/")),
            };
            sqlx::query(INSERT_PROPERTY)
                .bind(property)
                .bind(property)
                .bind(value.stored)
                .bind(i64::try_from(order).unwrap_or_default())
                .bind(secret)
                .bind("PAP Policy Store")
                .bind(subscriber)
                .execute(&mut *db)
                .await
                .map_err(database)?;
            let in_scope: &[Kind] = if secret { &[value.kind] } else { &[] };
            world.counts.row("IDN_XACML_SUBSCRIBER_PROPERTY", in_scope);
        }
    }
    Ok(())
}
