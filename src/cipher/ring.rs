//! The keys of a rotation: old ones, and the key that takes the place of each.

use super::SecretKey;

/// Why a key cannot be added to a ring.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RingError {
    /// It would be an old key and a new one at once.
    #[error("is also a new key")]
    IsNew,
    /// Another key takes its place already.
    #[error("is already an old key")]
    IsOld,
}

/// Which key of a ring: its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RingKey(usize);

/// Old keys, new ones that take their place, and others that stay as they are. No key is in it twice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRing {
    /// The first is the new key of all values without a key of their own, the second its first old key.
    keys: Vec<(SecretKey, Option<RingKey>)>,
}

impl KeyRing {
    /// The new key of all values without a key of their own.
    pub const NEW: RingKey = RingKey(0);
    const OLD: RingKey = RingKey(1);

    /// The ring of one old key and the new one, which is another.
    pub fn new(old: SecretKey, new: SecretKey) -> Self {
        Self { keys: vec![(new, None), (old, Some(Self::NEW))] }
    }

    /// Adds another old key, whose place the new one takes, too. One that is there already changes nothing.
    pub fn add_old(&mut self, old: SecretKey) -> Result<(), RingError> {
        match self.position(&old) {
            None => self.keys.push((old, Some(Self::NEW))),
            Some(there) if self.replacement(there) == Some(Self::NEW) => {}
            Some(there) if self.replacement(there).is_none() => return Err(RingError::IsNew),
            Some(_) => return Err(RingError::IsOld),
        }
        Ok(())
    }

    /// Adds an old key, and another key than the new one that takes its place.
    pub fn add_pair(&mut self, old: SecretKey, new: SecretKey) -> Result<(), RingError> {
        if self.position(&old).is_some() || old == new {
            return Err(if self.new_keys().any(|key| *key == old) || old == new {
                RingError::IsNew
            } else {
                RingError::IsOld
            });
        }
        let replacement = match self.position(&new) {
            Some(there) if self.replacement(there).is_none() => there,
            Some(_) => return Err(RingError::IsOld),
            None => {
                self.keys.push((new, None));
                RingKey(self.keys.len() - 1)
            }
        };
        self.keys.push((old, Some(replacement)));
        Ok(())
    }

    /// Adds a key that stays: what is under it is left as it is.
    pub fn add_kept(&mut self, key: SecretKey) -> Result<(), RingError> {
        match self.position(&key) {
            None => self.keys.push((key, None)),
            Some(there) if self.replacement(there).is_none() => return Err(RingError::IsNew),
            Some(_) => return Err(RingError::IsOld),
        }
        Ok(())
    }

    /// The new key of all values without a key of their own.
    pub fn new_key(&self) -> &SecretKey {
        self.key(Self::NEW)
    }

    /// The first old key.
    pub fn old_key(&self) -> &SecretKey {
        self.key(Self::OLD)
    }

    /// All old keys.
    pub fn old_keys(&self) -> impl Iterator<Item = &SecretKey> {
        self.keys.iter().filter(|(_, replacement)| replacement.is_some()).map(|(key, _)| key)
    }

    /// All new keys.
    pub fn new_keys(&self) -> impl Iterator<Item = &SecretKey> {
        self.keys.iter().filter(|(_, replacement)| replacement.is_none()).map(|(key, _)| key)
    }

    /// Every old key with the one that takes its place.
    pub fn pairs(&self) -> impl Iterator<Item = (&SecretKey, &SecretKey)> {
        self.keys.iter().filter_map(|(old, new)| Some((old, self.key((*new)?))))
    }

    /// All keys, in the order in which a value that names none of them is tried: most are under an old one.
    pub fn in_order(&self) -> impl Iterator<Item = RingKey> + use<> {
        (1..self.keys.len()).chain([0]).map(RingKey)
    }

    /// The key that has this id, as servers from 7.1 on write it.
    pub fn by_id(&self, id: &str) -> Option<RingKey> {
        self.keys.iter().position(|(key, _)| key.key_id() == id).map(RingKey)
    }

    /// The key itself.
    pub fn key(&self, which: RingKey) -> &SecretKey {
        &self.keys[which.0].0
    }

    /// The key that takes its place; none if it is a new one.
    pub fn replacement(&self, which: RingKey) -> Option<RingKey> {
        self.keys[which.0].1
    }

    /// Whether it is the new key of all values without a key of their own.
    pub fn is_new_key(&self, which: RingKey) -> bool {
        which == Self::NEW
    }

    /// Whether it stays, and takes no other's place.
    pub fn is_kept(&self, which: RingKey) -> bool {
        which != Self::NEW
            && self.keys.iter().enumerate().all(|(at, (_, replacement))| {
                if at == which.0 { replacement.is_none() } else { *replacement != Some(which) }
            })
    }

    /// The keys that stay.
    pub fn kept(&self) -> impl Iterator<Item = &SecretKey> {
        self.in_order().filter(|key| self.is_kept(*key)).map(|key| self.key(key))
    }

    /// Whether it is one of them.
    pub fn has(&self, key: &SecretKey) -> bool {
        self.position(key).is_some()
    }

    fn position(&self, key: &SecretKey) -> Option<RingKey> {
        self.keys.iter().position(|(known, _)| known == key).map(RingKey)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(letter: char) -> SecretKey {
        SecretKey::parse(&letter.to_string().repeat(16)).unwrap()
    }

    #[test]
    fn a_key_that_stays_is_no_old_one_and_takes_no_place() {
        let mut ring = KeyRing::new(key('a'), key('n'));
        assert_eq!(ring.add_kept(key('a')), Err(RingError::IsOld));
        assert_eq!(ring.add_kept(key('n')), Err(RingError::IsNew));
        assert_eq!(ring.add_pair(key('t'), key('u')), Ok(()));
        assert_eq!(ring.add_kept(key('u')), Err(RingError::IsNew));
        assert_eq!(ring.add_kept(key('k')), Ok(()));
        assert_eq!(ring.add_old(key('k')), Err(RingError::IsNew));
        assert_eq!(ring.kept().collect::<Vec<_>>(), [&key('k')]);
        assert!(ring.old_keys().all(|old| *old != key('k')) && ring.pairs().all(|(_, new)| *new != key('k')));
    }

    #[test]
    fn no_key_is_old_and_new() {
        let mut ring = KeyRing::new(key('a'), key('n'));
        assert_eq!(ring.add_old(key('b')), Ok(()));
        assert_eq!(ring.add_old(key('b')), Ok(()));
        assert_eq!(ring.add_old(key('n')), Err(RingError::IsNew));
        assert_eq!(ring.old_keys().count(), 2);
        assert_eq!(ring.add_pair(key('t'), key('u')), Ok(()));
        assert_eq!(ring.add_pair(key('a'), key('x')), Err(RingError::IsOld));
        assert_eq!(ring.add_pair(key('n'), key('x')), Err(RingError::IsNew));
        assert_eq!(ring.add_pair(key('x'), key('b')), Err(RingError::IsOld));
        assert_eq!(ring.add_pair(key('x'), key('x')), Err(RingError::IsNew));
        assert_eq!(ring.add_old(key('t')), Err(RingError::IsOld));
        assert_eq!(ring.add_old(key('u')), Err(RingError::IsNew));
        let pairs: Vec<_> = ring.pairs().map(|(old, new)| (old.clone(), new.clone())).collect();
        assert_eq!(pairs, [(key('a'), key('n')), (key('b'), key('n')), (key('t'), key('u'))]);
        assert_eq!(ring.in_order().count(), 5);
    }
}
