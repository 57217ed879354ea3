//! What to do in each step, for this deployment.

mod in_place;

use serde::Serialize;

use super::{Step, Variant, dump};
use crate::config::{DraftConfig, Site};
use crate::invocation::{self, quoted};

/// A line of what to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Advice {
    /// In words.
    Say(String),
    /// A command for a shell.
    Command(String),
}

/// What an Identity Server offers that must be closed or is not carried over.
struct Offered {
    path: &'static str,
    what: &'static str,
    /// The first version that has it, as major and minor number.
    since: (u32, u32),
}

/// The first version that can be rotated.
const FIRST: (u32, u32) = (5, 11);

const fn offered(path: &'static str, what: &'static str) -> Offered {
    Offered { path, what, since: FIRST }
}

/// What administrators use. A tenant's path begins with /t/TENANT, and is meant, too.
const PRIVILEGED: &[Offered] = &[
    offered("/carbon", "the management console"),
    offered("/services", "the admin services (SOAP)"),
    offered("/console", "the Console"),
    offered("/api/server/v1", "management of applications, identity providers, user stores, keystores"),
    offered("/scim2", "management of users, groups and roles"),
    offered("/api/identity/oauth2/dcr/v1.1", "registration of OAuth applications"),
    Offered {
        path: "/o and /t/TENANT/o",
        what: "the same for organizations, where you have them",
        since: (6, 0),
    },
];

/// What users do for themselves and sync does not carry over.
const FLOWS: &[Offered] = &[
    offered("/accountrecoveryendpoint", "sign-up, forgotten passwords and user names"),
    offered("/api/identity/recovery and /api/identity/user/v1.0", "the same without pages"),
    offered("/myaccount", "profile, password, consents, linked accounts, devices and keys"),
    offered(
        "/api/users/v1 and /scim2/Me",
        "the same without pages; MFA enrolment (TOTP is carried over where it is an identity claim, FIDO is not)",
    ),
    offered("/api/identity/consent-mgt/v1.0", "consents"),
];

/// What to do in a step.
pub fn advice(step: &Step, variant: Variant, deployment: &DraftConfig) -> Vec<Advice> {
    let mut to = To(Vec::new());
    if step.number == 1 && !deployment.written {
        to.say("There is no properties.yaml yet. Write it now, as far as you know it: the steps below then name your databases, and with `enableSyncMigrator: true` they are those of zero downtime.");
        to.run("keyrotation init");
    }
    match (step.id, variant) {
        ("block", Variant::ZeroDowntime) => block(&mut to, deployment),
        ("block", Variant::MaintenanceWindow) => {
            to.say("At the load balancer, answer users with a page that says when you are back.");
            to.say(
                "Stop every node of the old server, and every other program that writes to its databases.",
            );
        }
        ("triggers", _) => triggers(&mut to, deployment),
        ("copy", _) => copy(&mut to, variant, deployment),
        ("clean-copy", _) => {
            to.say("The dump has brought triggers and temp tables into the copy. There they would record the new server's own work.");
            to.run("keyrotation triggers remove --on new");
        }
        ("properties", _) => configure(&mut to, variant, deployment),
        ("both-keys", _) => in_place::both_keys(&mut to, deployment),
        ("run", Variant::InPlace) => in_place::rotate(&mut to, deployment),
        ("one-key", _) => in_place::one_key(&mut to, deployment),
        ("retire", Variant::InPlace) => in_place::retire(&mut to),
        ("run", _) => rotate(&mut to, variant),
        ("deployment", _) => deployment_toml(&mut to, deployment),
        ("start", _) => start(&mut to, variant, deployment),
        ("switch", Variant::ZeroDowntime) => switch(&mut to),
        ("switch", Variant::MaintenanceWindow) => {
            to.say("From here on there is no way back without loss: what users do on the new server is only there.");
            to.say("Add the new nodes to the load balancer, take the old ones out, and send users there.");
            to.run("keyrotation confirm route-traffic");
            to.say("Open everything again, and watch the new server's log for decryption errors.");
            to.run("keyrotation verify --live");
        }
        ("retire", _) => retire(&mut to, variant, deployment),
        _ => {}
    }
    to.0.into_iter().map(Advice::spelled).collect()
}

impl Advice {
    /// With our commands as they are to be typed here.
    fn spelled(self) -> Self {
        match self {
            Self::Say(text) => Self::Say(invocation::spelled(&text).into_owned()),
            Self::Command(command) => Self::Command(invocation::command(&command)),
        }
    }
}

/// Lines that grow.
struct To(Vec<Advice>);

impl To {
    fn say(&mut self, text: impl Into<String>) {
        self.0.push(Advice::Say(text.into()));
    }

    fn run(&mut self, command: impl Into<String>) {
        self.0.push(Advice::Command(command.into()));
    }

    fn offers(&mut self, offered: &[Offered], version: Option<(u32, u32)>) {
        for Offered { path, what, since } in offered {
            match version {
                Some(version) if version < *since => {}
                None if *since > FIRST => {
                    self.say(format!("  {path}: {what} (from {}.{} on)", since.0, since.1));
                }
                _ => self.say(format!("  {path}: {what}")),
            }
        }
    }
}

fn block(to: &mut To, deployment: &DraftConfig) {
    let version = deployment.version.map(|(major, minor, _)| (major, minor));
    to.say(
        "What you close here loses nothing. Changes in what stays open are lost at the switch, unless sync \
         carries them over.",
    );
    to.say(match version {
        Some((major, minor)) => {
            format!("At the load balancer, close these for everybody (Identity Server {major}.{minor}):")
        }
        None => "At the load balancer, close these for everybody:".to_owned(),
    });
    to.offers(PRIVILEGED, version);
    to.say("Sync does not carry over these user flows. Close them, or accept that their changes are lost:");
    to.offers(FLOWS, version);
    to.say(
        "A tenant's paths begin with /t/TENANT: close them, too. Changes to users in LDAP, or in another \
            store that both servers share, are not lost.",
    );
    to.say(
        "Leave open what logs users in: /oauth2, /oidc, /samlsso, /commonauth, /authenticationendpoint, \
            /logincontext.",
    );
    to.say(
        "Sync carries over tokens, codes, their scopes and bindings, and identity claims. It does not \
            carry over sessions: users log in once more. The server asks again for consents that users gave \
            at a login.",
    );
}

fn triggers(to: &mut To, deployment: &DraftConfig) {
    match &deployment.old_identity {
        Some(site) => to.say(format!("The old identity database is {site}.")),
        None => to.say("Fill in oldIdnDBUrl, oldIdnUsername and oldIdnPassword in properties.yaml."),
    }
    to.say("Do this before you make the copy, so that no change is missed:");
    to.run("keyrotation triggers install");
    to.say("If that needs rights that you do not have, let a DBA run this script, then confirm it:");
    to.run("keyrotation triggers print");
    to.run("keyrotation confirm triggers-installed");
}

fn copy(to: &mut To, variant: Variant, deployment: &DraftConfig) {
    if variant == Variant::ZeroDowntime {
        to.say(
            "Do this after the triggers are installed: what changes while you copy is carried over later.",
        );
    }
    let new = deployment.home.as_deref().map_or_else(|| "NEW_IS_HOME".to_owned(), quoted);
    to.say("Copy the home, as the user who runs the server:");
    let old = deployment.old_home.as_deref().map_or_else(|| "OLD_IS_HOME".to_owned(), quoted);
    to.run(format!("cp -a -T {old} {new}"));
    to.say(
        "Copy the identity database. The tools ask for passwords: do not write a password into a \
            command. They do not ask for those in ~/.pgpass, or in ~/.my.cnf if you leave out `--password` \
            (mode 600, section [client]).",
    );
    to.0.extend(dump::copy(deployment.old_identity.as_ref(), deployment.new_identity.as_ref(), "identity"));
    if deployment.new_registry.is_some() && deployment.new_registry == deployment.new_identity {
        to.say("The registry tables are in the same database.");
    } else {
        to.say("Copy the registry database:");
        let (old, new) = (deployment.old_registry.as_ref(), deployment.new_registry.as_ref());
        to.0.extend(dump::copy(old, new, "registry"));
    }
    for (name, old, new) in &deployment.stores {
        to.say(format!("Copy the database of the store {name}:"));
        to.0.extend(dump::copy(old.as_ref(), new.as_ref(), name));
    }
    if is_on_mysql(deployment) {
        to.say(
            "mysqldump and mysql are MySQL's own tools. MariaDB's tools have the same names, but other \
                options for TLS: --ssl and --ssl-verify-server-cert in place of --ssl-mode.",
        );
    }
    to.say(
        "Replace DBA by the name of an administrator of that server. Afterwards let the rotation's user \
            into the copy: docs/databases.md has the GRANT statements. Note where the dumps are: they hold \
            everything under the old key, and step 10 asks for them.",
    );
}

fn is_on_mysql(deployment: &DraftConfig) -> bool {
    let is_mysql = |site: &&Option<Site>| {
        matches!(site, Some(Site::Server { kind: crate::db::server::Kind::MySql, is_mariadb: false, .. }))
    };
    let further = deployment.stores.iter().map(|(.., new)| new);
    [&deployment.new_identity, &deployment.new_registry]
        .into_iter()
        .chain(further)
        .any(|site| is_mysql(&site))
}

fn configure(to: &mut To, variant: Variant, deployment: &DraftConfig) {
    to.say(
        "Make the new key. It has 32 digits, which every version accepts (7.1 and later also accept the \
            64 digits of `keyrotation keygen --for 7.1`). Store it where you store keys, before anything is \
            encrypted with it:",
    );
    to.run("keyrotation keygen");
    to.say("Write the configuration: both keys, the copies, the new home.");
    if !deployment.written {
        to.run("keyrotation init");
    }
    if variant == Variant::ZeroDowntime {
        to.say("Set `enableSyncMigrator: true`, and oldIdnDBUrl to the old identity database.");
    }
    if let Some(problem) = &deployment.problem {
        to.say(format!("Still to do: {problem}"));
    }
    to.say("See what would be done, and rehearse it:");
    to.run("keyrotation plan --rehearse");
}

fn rotate(to: &mut To, variant: Variant) {
    to.say("Nothing else may write to the copy now: the new server is stopped.");
    to.run("keyrotation run");
    to.say("Ctrl-C stops it at a safe point, and a crash or a reboot does no harm: `keyrotation resume` continues.");
    if variant == Variant::ZeroDowntime {
        to.say("When everything is re-encrypted it says that NEW_IS_HOME may be started, and carries changes over from then on. Let it run.");
    } else {
        to.say("Then, before anything else writes to the copy:");
        to.run("keyrotation verify");
    }
    to.say("Failed rows are listed with reasons, and everything else is rotated. Repair what you can, then:");
    to.run("keyrotation resume --retry-failed");
}

fn deployment_toml(to: &mut To, deployment: &DraftConfig) {
    let home =
        deployment.home.as_deref().map_or_else(|| "NEW_IS_HOME".into(), |home| home.display().to_string());
    to.say(format!("In {home}/repository/conf/deployment.toml, on every node of the new server:"));
    to.say("  [encryption] key: the new key");
    for (section, site) in
        [("identity_db", &deployment.new_identity), ("shared_db", &deployment.new_registry)]
    {
        match site {
            Some(site) => to.say(format!("  [database.{section}]: {site}")),
            None => to.say(format!("  [database.{section}]: the copy")),
        }
    }
    to.say(
        "This does it for newISHome, and says what is left for you to do. If nothing is left, it also \
            confirms this step. If nodes have homes of their own, name them all, each with --home (or its \
            file with --file):",
    );
    to.run("keyrotation configure --dry-run");
    to.run("keyrotation configure");
    to.say("On 7.1 and later leave [encryption] old_key unset. If `key` is a $secret{…}, put the new key into the vault with the cipher tool, and leave the line.");
}

fn start(to: &mut To, variant: Variant, deployment: &DraftConfig) {
    if variant == Variant::ZeroDowntime {
        to.say("Only after `run` has said that NEW_IS_HOME may be started. No users yet: reach it past the load balancer.");
    }
    let home = deployment.home.as_deref().map_or_else(|| "NEW_IS_HOME".to_owned(), quoted);
    to.say(format!("Start one node with the script in {home}/bin. Look for errors in repository/logs/wso2carbon.log, log in to an application, use a token that was issued before; then start the others."));
    to.run("keyrotation confirm start/started");
    to.say(
        "You can still go back: stop the new server, drop the copies, remove the triggers from the old \
            database, open everything again. Nothing is lost.",
    );
}

fn switch(to: &mut To) {
    to.say(
        "Do this when `keyrotation status` says that little or nothing waits. This is the point of no \
            return: from the first user on the new server on, going back loses what users did there.",
    );
    to.say("1. Add the new nodes to the load balancer, without traffic, and see that they are healthy.");
    to.say("2. Take all old nodes out in one change: a session that uses both servers sees tokens late or not at all.");
    to.say(
        "3. Let connections to the old nodes drain. Keep the old servers running, so that changes that \
            are under way are recorded. Then confirm it. From then on, deletes on the old server are not \
            carried over:",
    );
    to.run("keyrotation confirm route-traffic");
    to.say(
        "4. Carry over the late changes. End `run`, which holds the journal. Then start a sync that ends \
            by itself when no change has come for a minute:",
    );
    to.run("keyrotation stop");
    to.run("keyrotation sync --until-drained");
    to.say("5. At the load balancer, open again what step 1 closed, and send all of it to the new nodes:");
    to.run("keyrotation confirm switch/opened");
}

fn retire(to: &mut To, variant: Variant, deployment: &DraftConfig) {
    if variant == Variant::ZeroDowntime {
        to.say("Stop every node of the old server. Then check whether anything is left behind:");
        to.run("keyrotation confirm old-server-stopped");
        to.run("keyrotation safe-to-retire");
        to.run("keyrotation verify --live");
        to.run("keyrotation triggers remove --on old");
    }
    to.say(
        "Anyone who has old data and the old key can read that data. Destroy each of these, or lock it \
            away for as long as a rule requires it. Confirm each by itself, and note what you did:",
    );
    match &deployment.old_identity {
        Some(site) => to.say(format!("  the old identity database: {site}")),
        None => to.say("  the old identity database"),
    }
    match &deployment.old_registry {
        Some(site) => to.say(format!("  the old registry database: {site}")),
        None => to.say("  the old registry database"),
    }
    to.say("  the dumps of step 3; binlogs or WAL archives of both servers, and replicas");
    to.say("  backups, snapshots of disks and machines, .bak files beside configuration files; the old home, on every node");
    to.say("  last the old key: in vaults, in deployment.toml of the old home, in properties.yaml, in notes");
    to.run("keyrotation confirm retire/dumps --note 'shredded on db1'");
    to.say(
        "Keep the journal for as long as verify or an audit may need it; it holds user names, and no secret.",
    );
}
