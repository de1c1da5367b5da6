//! Envoy's shared data, as a map.

use std::cell::RefCell;
use std::collections::BTreeMap;

use umbra_filter::flow::shared::{SharedData, Versioned};

#[derive(Default)]
pub(crate) struct Map(RefCell<(BTreeMap<String, Versioned>, u32)>);

impl SharedData for Map {
    fn get(&self, key: &str) -> Option<Versioned> {
        self.0.borrow().0.get(key).cloned()
    }

    fn set(&self, key: &str, value: &[u8], version: Option<u32>) -> bool {
        let (map, writes) = &mut *self.0.borrow_mut();
        if let (Some(version), Some(current)) = (version, map.get(key))
            && current.version != version
        {
            return false;
        }
        *writes += 1;
        map.insert(key.to_owned(), Versioned { value: value.to_vec(), version: *writes });
        true
    }
}
