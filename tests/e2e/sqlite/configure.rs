//! `configure`, through the program: the file that a server would read, the copy beside it, and what the journal
//! remembers of it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use crate::kit::{Kit, Refused as _};
use crate::sqlite::in_place::in_place;

/// A deployment whose `deployment.toml` has the old key itself, and its path.
fn kit() -> (Kit, PathBuf) {
    let kit = Kit::new();
    let file = kit.deployment.home.join("repository/conf/deployment.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("$secret{encryption_key}", &kit.deployment.spec.old_key)).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    (kit, file)
}

/// The names beside the file, without its own.
fn beside(file: &Path) -> Vec<String> {
    let entries = fs::read_dir(file.parent().unwrap()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name != "deployment.toml").collect()
}

#[test]
fn the_file_gets_the_new_key_and_the_old_one_is_kept_beside_it() {
    let (kit, file) = kit();
    let before = fs::read_to_string(&file).unwrap();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let owner = fs::metadata(&file).unwrap();

    let shown = kit.run(&["configure", "--dry-run"]).exits(0);
    assert!(shown.stdout.contains("+key = \"<new key "), "{shown}");
    let printed = kit.run(&["configure", "--print"]).exits(0);
    assert!(printed.stderr.contains("values are masked"), "{printed}");
    let referring = kit.run(&["configure", "--print", "--key-as", "$env{IS_KEY}"]).exits(0);
    assert!(referring.stdout.contains("key = \"$env{IS_KEY}\""), "{referring}");
    assert!(referring.stderr.contains("in the new server's environment set IS_KEY"), "{referring}");
    for ran in [&shown, &printed, &referring] {
        let said = format!("{}{}", ran.stdout, ran.stderr);
        assert!(!said.contains(&old) && !said.contains(&new), "{ran}");
    }
    assert_eq!((fs::read_to_string(&file).unwrap(), beside(&file)), (before.clone(), vec![]));
    assert!(!kit.journal().exists(), "nothing was done that is to be remembered");

    let ran = kit.run(&["configure"]).exits(0);
    let said = format!("{}{}", ran.stdout, ran.stderr);
    assert!(!said.contains(&old) && !said.contains(&new), "{ran}");
    let after: toml::Table = fs::read_to_string(&file).unwrap().parse().unwrap();
    assert_eq!(after["encryption"]["key"].as_str(), Some(new.as_str()));
    let names = beside(&file);
    let [backup] = names.as_slice() else { panic!("{names:?}") };
    assert!(ran.stdout.contains(backup.as_str()), "{ran}");
    let backup = file.with_file_name(backup);
    assert_eq!(fs::read_to_string(&backup).unwrap(), before);
    assert_eq!(fs::metadata(&backup).unwrap().permissions().mode() & 0o777, 0o600);
    let now = fs::metadata(&file).unwrap();
    assert_eq!((now.mode(), now.uid(), now.gid()), (owner.mode(), owner.uid(), owner.gid()));

    let printed = kit.run(&["configure", "--print", "--show-secrets"]).exits(0);
    assert_eq!(printed.stdout, fs::read_to_string(&file).unwrap());
    let again = kit.run(&["configure", "--json"]).exits(0).json();
    let again = &again["files"][0];
    assert_eq!((&again["written"], &again["backup"]), (&false.into(), &serde_json::Value::Null));
    assert_eq!(beside(&file).len(), 1);

    kit.run(&["run"]).exits(0);
    let steps = kit.status()["steps"].clone();
    let done: Vec<_> = steps.as_array().unwrap().iter().filter(|step| step["name"] == "configured").collect();
    let [done, again] = done.as_slice() else { panic!("{steps}") };
    assert!(done["note"].as_str().unwrap().contains(".bak"), "{done}");
    assert!(again["note"].as_str().unwrap().contains(": nothing had to be changed"), "{again}");
    // What was done before the rotation began is not of this one; once called, nobody has to confirm it.
    let deployment = || {
        let runbook = kit.run(&["runbook", "--json"]).exits(0).json();
        runbook["steps"].as_array().unwrap().iter().find(|step| step["id"] == "deployment").cloned().unwrap()
    };
    assert_ne!(deployment()["state"], "done");
    // What it leaves to people they confirm, and are told what that is.
    let left = "[database.shared_db] password is $secret{shared_db_password}";
    assert!(again["note"].as_str().unwrap().contains(left), "{again}");
    let told = kit.run(&["configure"]).exits(0);
    assert!(told.stdout.ends_with("`keyrotation confirm deployment`\n"), "{told}");
    assert_ne!(deployment()["state"], "done");
    let confirmed = kit.run(&["confirm", "deployment"]).exits(0);
    assert!(confirmed.stderr.contains(left), "{confirmed}");
    assert_eq!(deployment()["state"], "done", "{}", deployment());
    kit.run(&["verify"]).exits(0);
}

/// A key that the cipher tool keeps is explained, not overwritten.
#[test]
fn a_key_kept_elsewhere_is_left_to_people() {
    let kit = Kit::new();
    let file = kit.deployment.home.join("repository/conf/deployment.toml");
    let ran = kit.run(&["configure"]).exits(0);
    let after = fs::read_to_string(&file).unwrap();
    assert!(after.contains("key = \"$secret{encryption_key}\""), "{after}");
    for says in
        ["by hand, since [encryption] key is $secret{encryption_key}:", "bin/ciphertool.sh -Dconfigure"]
    {
        assert!(ran.stdout.contains(says), "{ran}");
    }
    let again = kit.run(&["configure"]).exits(0);
    assert!(again.stdout.starts_with("nothing has to be changed in "), "{again}");
}

#[test]
fn what_is_not_the_new_servers_file_is_not_written() {
    let (kit, file) = kit();
    // A link into the old server's home, as a copied tree may have it.
    let elsewhere = kit.beside("deployment.toml");
    fs::copy(&file, &elsewhere).unwrap();
    fs::remove_file(&file).unwrap();
    symlink(&elsewhere, &file).unwrap();
    let before = fs::read_to_string(&elsewhere).unwrap();
    kit.run(&["configure"]).refused(2, "KR-CFG-061");
    assert_eq!(fs::read_to_string(&elsewhere).unwrap(), before);
    fs::remove_file(&file).unwrap();
    kit.run(&["configure"]).refused(2, "KR-CFG-060");
    fs::write(&file, "[encryption\n").unwrap();
    let broken = kit.run(&["configure"]).refused(2, "KR-CFG-061");
    assert!(broken.stderr.contains("line 1 is not TOML"), "{broken}");
    // Named, it may stand anywhere.
    kit.run(&["configure", "--file", elsewhere.to_str().unwrap()]).exits(0);
    assert!(fs::read_to_string(&elsewhere).unwrap().contains(&kit.deployment.spec.new_key));
}

/// The nodes of a cluster have files of their own: all are edited, or none is.
#[test]
fn several_nodes_are_configured_in_one_go() {
    let (kit, file) = kit();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let nodes = ["node1", "node2"].map(|name| kit.beside(name));
    let files = nodes.each_ref().map(|home| home.join("repository/conf/deployment.toml"));
    for (copy, name) in files.iter().zip(["is1", "is2"]) {
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        // Without secrets that are kept elsewhere nothing is left to people.
        let text = fs::read_to_string(&file).unwrap().replace("$secret{shared_db_password}", "x");
        fs::write(copy, format!("# {name}\n{text}")).unwrap();
    }
    let homes = nodes.each_ref().map(|home| home.to_str().unwrap());
    let [one, two] = homes;
    let both = ["configure", "--home", one, "--home", two, "--home", one];

    fs::rename(&files[1], nodes[1].join("away")).unwrap();
    kit.run(&both).refused(2, "KR-CFG-060");
    fs::rename(nodes[1].join("away"), &files[1]).unwrap();
    kit.run(&["configure", "--print", "--home", one, "--home", two]).refused(2, "KR-CFG-020");
    let shown = kit.run(&[&both[..], &["--dry-run"]].concat()).exits(0).stdout;
    assert_eq!(shown.matches("+key = \"<new key ").count(), 2, "{shown}");
    assert!(files.iter().all(|file| fs::read_to_string(file).unwrap().contains(&old)), "nothing is written");

    // The second cannot be replaced: the first is done, and both are on record.
    let failed = kit.run_at("file-before-rename=1*off->1*return", &both);
    assert_eq!(failed.code(), Some(3), "{failed}");
    assert!(failed.stdout.starts_with(&format!("changed {}:\n", files[0].display())), "{failed}");
    let has_new = files.each_ref().map(|file| fs::read_to_string(file).unwrap().contains(&new));
    assert_eq!(has_new, [true, false]);
    let done = kit.run(&[&both[..], &["--json"]].concat()).exits(0).json();
    let written: Vec<_> = done["files"].as_array().unwrap().iter().map(|file| &file["written"]).collect();
    assert_eq!(written, [&false, &true], "{done}");
    for (file, name) in files.iter().zip(["is1", "is2"]) {
        let text = fs::read_to_string(file).unwrap();
        assert!(text.starts_with(&format!("# {name}\n")) && text.contains(&new), "{text}");
        assert_eq!(beside(file).len(), 1);
    }
    assert!(fs::read_to_string(&file).unwrap().contains(&old), "newISHome was not named");

    kit.run(&["run"]).exits(0);
    let said = kit.status()["steps"].clone();
    let said: Vec<_> = said.as_array().unwrap().iter().filter(|step| step["name"] == "configured").collect();
    let left = format!("; by hand: {}", files[1].display());
    assert!(said[0]["note"].as_str().unwrap().contains(&left), "{said:?}");
    assert!(said[1]["note"].as_str().unwrap().contains(homes[0]), "{said:?}");
    kit.run(&both).exits(0);
    let runbook = kit.run(&["runbook", "--json"]).exits(0).json();
    let step = runbook["steps"].as_array().unwrap().iter().find(|step| step["id"] == "deployment").cloned();
    assert_eq!(step.unwrap()["state"], "done");
}

/// Killed on the way, it leaves the old file or the new one, and can be called again.
#[test]
fn a_failure_on_the_way_leaves_one_file_or_the_other() {
    for (point, written) in
        [("file-before-temp", false), ("file-before-rename", false), ("file-after-rename", true)]
    {
        let (kit, file) = kit();
        let before = fs::read_to_string(&file).unwrap();
        let failed = kit.run_at(&format!("{point}=return"), &["configure"]);
        assert_eq!(failed.code(), Some(3), "{failed}");
        assert_eq!(fs::read_to_string(&file).unwrap() != before, written, "{point}");
        // The old file is beside the new one, and nowhere if there is no new one.
        assert_eq!(beside(&file).len(), usize::from(written), "{point}: {:?}", beside(&file));
        kit.run(&["configure"]).exits(0);
        assert!(fs::read_to_string(&file).unwrap().contains(&kit.deployment.spec.new_key), "{point}");
    }
}

/// The journal has the fingerprints of both keys, so that no key is needed to see which one stands there.
#[test]
fn a_file_with_the_old_key_is_not_confirmed_though_a_command_has_the_keys() {
    let (kit, toml) = kit();
    kit.run(&["run"]).exits(0);
    let new = kit.deployment.spec.new_key.clone();
    let command = kit.beside("key.sh");
    fs::write(&command, format!("#!/bin/sh\necho {new}\n")).unwrap();
    fs::set_permissions(&command, fs::Permissions::from_mode(0o700)).unwrap();
    for origin in [format!("cmd:{}", command.display()), "'prompt:'".to_owned(), new.clone()] {
        kit.configure("newSecretKey", Some(&origin));
        let refused = kit.run(&["confirm", "deployment/edited"]).refused(2, "KR-CFG-024");
        assert!(refused.error().contains("but the old key"), "{origin}: {refused}");
    }
    let text = fs::read_to_string(&toml).unwrap();
    fs::write(&toml, text.replace(&kit.deployment.spec.old_key, &new)).unwrap();
    kit.configure("newSecretKey", Some(&format!("cmd:{}", command.display())));
    let said = kit.run(&["confirm", "deployment/edited"]).exits(0);
    assert!(!said.stderr.contains("your word"), "{said}");
}

/// Two nodes of 7.1 on the database that is rotated, with the old key, and their files.
fn nodes() -> (Kit, [PathBuf; 2]) {
    let kit = in_place();
    kit.configure("homes", Some("[node-2]"));
    let homes = [kit.deployment.home.clone(), kit.folder().join("node-2")];
    let text = fs::read_to_string(homes[0].join("repository/conf/deployment.toml")).unwrap();
    let text = text.replace("$secret{encryption_key}", &kit.deployment.spec.old_key);
    let files = homes.map(|home| {
        for folder in ["repository/conf", "bin"] {
            fs::create_dir_all(home.join(folder)).unwrap();
        }
        fs::write(home.join("bin/version.txt"), "WSO2 Identity Server v7.1.0\n").unwrap();
        let file = home.join("repository/conf/deployment.toml");
        fs::write(&file, format!("# {}\n{text}", home.display())).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        file
    });
    (kit, files)
}

/// A server that is restarted on what is written reads all that stands in its database.
#[test]
fn in_place_servers_get_both_keys_until_everything_is_rotated_and_verified() {
    let (kit, files) = nodes();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let before = files.each_ref().map(|file| fs::read_to_string(file).unwrap());
    let has = |with: &dyn Fn(&str) -> String| {
        for (file, before) in files.iter().zip(&before) {
            assert_eq!(fs::read_to_string(file).unwrap(), with(before));
        }
    };
    let both = |text: &str| {
        text.replace(&format!("key = \"{old}\""), &format!("key = \"{new}\"\nold_key = \"{old}\""))
    };
    let one = |text: &str| text.replace(&old, &new);
    let too_early = || {
        for more in [&[][..], &["--dry-run"], &["--json"]] {
            let refused =
                kit.run(&[&["configure", "--remove-old-key"], more].concat()).refused(2, "KR-CFG-024");
            assert!(refused.error().contains("too early"), "{refused}");
        }
    };
    kit.run(&["configure", "--dry-run"]).exits(0);
    has(&str::to_owned);
    too_early();
    let done = kit.run(&["configure"]).exits(0);
    has(&both);
    assert!(
        done.stdout.contains("keyrotation confirm both-keys") && !done.stdout.contains("step 8"),
        "{done}"
    );
    assert!(
        !done.stdout.contains(&old) && !done.stdout.contains(&new) && !done.stdout.contains("url"),
        "{done}"
    );
    let again = kit.run(&["configure"]).exits(0);
    assert!(again.stdout.contains("has both keys"), "{again}");
    kit.run(&["confirm", "both-keys"]).exits(0);
    kit.run(&["run", "--servers-have-both-keys"]).exits(0);
    too_early();
    kit.run(&["configure"]).exits(0);
    has(&both);
    kit.run(&["verify"]).exits(0);
    too_early();
    kit.run(&["keys"]).exits(0);
    let stays = kit.run(&["configure"]).exits(0);
    assert!(stays.stderr.contains("--remove-old-key"), "{stays}");
    has(&both);
    let done = kit.run(&["configure", "--remove-old-key"]).exits(0);
    assert!(done.stdout.contains("keyrotation confirm one-key"), "{done}");
    has(&one);
    // From here on it does not come back by itself.
    kit.run(&["configure"]).exits(0);
    has(&one);
    kit.run(&["confirm", "one-key"]).exits(0);
    // What a journal says of other keys says nothing of the next ones.
    kit.configure("oldSecretKey", Some(&new));
    kit.configure("newSecretKey", Some("f7b2b39207523b43a56540d30656b19b"));
    kit.run(&["configure"]).exits(0);
    has(&|text| both(text).replace(&new, "f7b2b39207523b43a56540d30656b19b").replace(&old, &new));
}

#[test]
fn in_place_a_file_that_no_server_could_work_with_is_not_written() {
    let (kit, files) = nodes();
    let (old, new) = (kit.deployment.spec.old_key.clone(), kit.deployment.spec.new_key.clone());
    let was = fs::read_to_string(&files[1]).unwrap();
    let line = format!("key = \"{old}\"");
    let refused = |with: &str, id: &str, why: &str| {
        fs::write(&files[1], was.replace(&line, with)).unwrap();
        let before = files.each_ref().map(|file| fs::read_to_string(file).unwrap());
        let refused = kit.run(&["configure"]).refused(2, id);
        assert!(refused.error().contains(why), "{refused}");
        assert_eq!(files.each_ref().map(|file| fs::read_to_string(file).unwrap()), before);
    };
    let third = "f7b2b39207523b43a56540d30656b19b";
    refused(&format!("{line}\nold_key = \"{third}\""), "KR-CFG-061", "another key than the old one");
    refused(&format!("{line}\nenable_key_id = false"), "KR-CFG-061", "enable_key_id is false");
    refused(&format!("key = \"{third}\""), "KR-CFG-061", "neither the old key nor the new one");
    refused("key = \"$secret{encryption_key}\"", "KR-CFG-061", "--old-key-as");
    // On its way by restarts one after the other.
    fs::write(&files[1], was.replace(&line, &format!("{line}\nold_key = \"{new}\""))).unwrap();
    kit.run(&["configure"]).exits(0);
    let text = fs::read_to_string(&files[1]).unwrap();
    assert!(text.contains(&format!("key = \"{new}\"\nold_key = \"{old}\"")), "{text}");
    // What is kept elsewhere is explained.
    fs::write(&files[1], was.replace(&line, "key = \"$secret{encryption_key}\"")).unwrap();
    let told = kit.run(&["configure", "--old-key-as", "$secret{old_key}"]).exits(0).stdout;
    assert!(told.contains("[encryption] old_key is $secret{old_key}"), "{told}");
    assert!(!fs::read_to_string(&files[1]).unwrap().contains(&old));
    // A server that reads one key is stopped until all is rotated.
    fs::write(&files[1], &was).unwrap();
    fs::write(kit.folder().join("node-2/bin/version.txt"), "WSO2 Identity Server v7.0.0\n").unwrap();
    refused(&line, "KR-CFG-062", "older than 7.1");
    kit.run(&["run"]).exits(0);
    refused(&line, "KR-CFG-062", "older than 7.1");
    kit.run(&["verify"]).exits(0);
    refused(&line, "KR-CFG-062", "older than 7.1");
    kit.run(&["keys"]).exits(0);
    kit.run(&["configure", "--home", kit.folder().join("node-2").to_str().unwrap()]).exits(0);
    assert_eq!(fs::read_to_string(&files[1]).unwrap(), was.replace(&old, &new));
}
