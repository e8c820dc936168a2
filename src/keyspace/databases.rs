//! What a transaction does to whole databases: empties them, and swaps their numbers.
//!
//! A transaction is told when it has ended: its databases first, then the keys that it has changed, as
//! they are then. So a key is noted with the *identity* of its database, which goes with it when
//! numbers are swapped and ends when the database is emptied.

/// A change of whole databases.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseChange {
    /// Every key of the database was removed.
    Emptied(usize),
    /// The two databases have each other's keys.
    Swapped(usize, usize),
}

/// The databases of one transaction.
#[derive(Default)]
pub(super) struct Databases {
    /// By number; as long as there is none, each is what it was at the start.
    present: Vec<Database>,
    /// The number of each identity that still has one.
    numbers: Vec<Option<usize>>,
}

struct Database {
    identity: usize,
    /// Which database this was at the start.
    origin: usize,
    is_emptied: bool,
    /// How many keys were noted with this identity.
    noted: usize,
}

impl Databases {
    /// Whether nothing was done to any.
    #[inline]
    pub(super) fn is_unchanged(&self) -> bool {
        self.present.is_empty()
    }

    /// The identity of a database in which one more key is noted.
    #[inline]
    pub(super) fn note(&mut self, number: usize) -> usize {
        match self.present.get_mut(number) {
            None => number,
            Some(database) => {
                database.noted += 1;
                database.identity
            }
        }
    }

    /// The identity of a database.
    #[inline]
    pub(super) fn identity(&self, number: usize) -> usize {
        self.present
            .get(number)
            .map_or(number, |database| database.identity)
    }

    /// The number that a database has now; `None` once it is emptied.
    #[inline]
    pub(super) fn number_of(&self, identity: usize) -> Option<usize> {
        if self.present.is_empty() {
            return Some(identity);
        }
        self.numbers.get(identity).copied().flatten()
    }

    /// Prepares for changes of `count` databases; `noted` are the numbers of those in which keys were
    /// noted before, once for each.
    pub(super) fn prepare(&mut self, count: usize, noted: impl Iterator<Item = usize>) {
        if !self.present.is_empty() {
            return;
        }
        let unchanged = |number| Database {
            identity: number,
            origin: number,
            is_emptied: false,
            noted: 0,
        };
        self.present = (0..count).map(unchanged).collect();
        self.numbers = (0..count).map(Some).collect();
        for number in noted {
            self.present[number].noted += 1;
        }
    }

    /// Every key of the database was removed; tells how many notes mean nothing any more.
    pub(super) fn empty(&mut self, number: usize) -> usize {
        let database = &mut self.present[number];
        database.is_emptied = true;
        if database.noted == 0 {
            return 0;
        }
        self.numbers[database.identity] = None;
        database.identity = self.numbers.len();
        self.numbers.push(Some(number));
        std::mem::take(&mut database.noted)
    }

    /// The two databases have each other's keys.
    pub(super) fn swap(&mut self, first: usize, second: usize) {
        self.present.swap(first, second);
        for number in [first, second] {
            self.numbers[self.present[number].identity] = Some(number);
        }
    }

    /// What was done, as few changes as do the same: swaps, and then what was emptied.
    pub(super) fn changes(&self) -> Vec<DatabaseChange> {
        let mut changes = Vec::new();
        let mut origins: Vec<usize> = (0..self.present.len()).collect();
        // Where in `origins` each one is.
        let mut places = origins.clone();
        for (number, database) in self.present.iter().enumerate() {
            let place = places[database.origin];
            if place != number {
                changes.push(DatabaseChange::Swapped(number, place));
                origins.swap(number, place);
                places[origins[place]] = place;
                places[origins[number]] = number;
            }
        }
        let numbered = self.present.iter().enumerate();
        let emptied = numbered.filter(|(_, database)| database.is_emptied);
        changes.extend(emptied.map(|(number, _)| DatabaseChange::Emptied(number)));
        changes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COUNT: usize = 5;

    proptest! {
        #[test]
        fn few_changes_do_what_all_have_done(
            steps in prop::collection::vec((0..3u8, 0..COUNT, 0..COUNT), 0..40),
        ) {
            let mut databases = Databases::default();
            databases.prepare(COUNT, std::iter::empty());
            // A key in each database, and one more that is made in each step.
            let mut keys: Vec<Vec<usize>> = (0..COUNT).map(|number| vec![number]).collect();
            let mut noted = Vec::new();
            for (step, (kind, first, second)) in steps.into_iter().enumerate() {
                match kind {
                    0 => {
                        databases.empty(first);
                        keys[first].clear();
                    }
                    1 => {
                        databases.swap(first, second);
                        keys.swap(first, second);
                    }
                    _ => {
                        let key = COUNT + step;
                        prop_assert_eq!(databases.identity(first), databases.note(first));
                        noted.push((key, databases.identity(first)));
                        keys[first].push(key);
                    }
                }
            }
            let mut told: Vec<Vec<usize>> = (0..COUNT).map(|number| vec![number]).collect();
            let changes = databases.changes();
            prop_assert!(changes.len() < 2 * COUNT);
            for change in changes {
                match change {
                    DatabaseChange::Emptied(number) => told[number].clear(),
                    DatabaseChange::Swapped(first, second) => told.swap(first, second),
                }
            }
            for (key, identity) in noted {
                if let Some(number) = databases.number_of(identity) {
                    told[number].push(key);
                }
            }
            prop_assert_eq!(told, keys);
        }
    }
}
