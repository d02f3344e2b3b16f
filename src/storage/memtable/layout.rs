//! Layouts: the fields of the rows of a chunk, in their order.

use std::sync::Arc;

use crate::record::{FieldId, FieldTag};

/// The most layouts that a memtable remembers, so that its series share them ...
const RECENT_MAX: usize = 16;
/// ... and the most fields of those that it remembers.
const RECENT_FIELDS_MAX: usize = 1024;
/// Up to this many fields are searched one by one.
const SEARCHED_MAX: usize = 16;
/// The estimated memory of a layout without fields, and of the place where it is remembered.
const LAYOUT_BYTES: usize = 96;

/// The fields of the rows of a chunk, in their order, with their types. No field is there twice.
#[derive(Debug)]
pub(super) struct Layout {
    tags: Box<[FieldTag]>,
    /// The positions of the fields in the order of their ids, if there are many and they are in another order.
    sorted: Option<Box<[u32]>>,
}

/// The layouts of the last rows of a memtable that began a chunk.
#[derive(Debug, Clone, Default)]
pub(super) struct RecentLayouts {
    layouts: Vec<Arc<Layout>>,
    next: usize,
}

impl Layout {
    /// Returns `None` if a field is there twice.
    pub(super) fn new(tags: &[FieldTag]) -> Option<Layout> {
        if tags.is_sorted_by(|a, b| a.field() < b.field()) {
            return Some(Layout { tags: tags.into(), sorted: None });
        }
        let mut sorted: Box<[u32]> = (0..tags.len() as u32).collect();
        sorted.sort_unstable_by_key(|at| tags[*at as usize].field());
        let is_unique = sorted.is_sorted_by(|a, b| tags[*a as usize].field() < tags[*b as usize].field());
        is_unique.then(|| Layout { tags: tags.into(), sorted: (tags.len() > SEARCHED_MAX).then_some(sorted) })
    }

    pub(super) fn tags(&self) -> &[FieldTag] {
        &self.tags
    }

    /// Returns the position of a field. This takes time with the logarithm of the number of fields.
    pub(super) fn position(&self, field: FieldId) -> Option<usize> {
        if self.tags.len() <= SEARCHED_MAX {
            return self.tags.iter().position(|tag| tag.field() == field);
        }
        match &self.sorted {
            None => self.tags.binary_search_by_key(&field, |tag| tag.field()).ok(),
            Some(sorted) => {
                let found = sorted.binary_search_by_key(&field, |at| self.tags[*at as usize].field()).ok()?;
                Some(sorted[found] as usize)
            }
        }
    }

    /// The memory that it takes.
    fn memory(&self) -> usize {
        LAYOUT_BYTES + size_of_val(&*self.tags) + self.sorted.as_deref().map_or(0, size_of_val)
    }
}

impl RecentLayouts {
    /// Returns the layout of these fields, and the memory that it takes if it is new. `None` if a field is there twice.
    pub(super) fn get_or_add(&mut self, tags: &[FieldTag]) -> Option<(Arc<Layout>, usize)> {
        let known = self.layouts.iter().find(|layout| *layout.tags == *tags);
        if let Some(layout) = known {
            return Some((layout.clone(), 0));
        }
        let layout = Arc::new(Layout::new(tags)?);
        if tags.len() > RECENT_FIELDS_MAX {
        } else if self.layouts.len() < RECENT_MAX {
            self.layouts.push(layout.clone());
        } else {
            self.layouts[self.next] = layout.clone();
            self.next = (self.next + 1) % RECENT_MAX;
        }
        let memory = layout.memory();
        Some((layout, memory))
    }
}

#[cfg(test)]
mod tests {
    use fluxstone_model::FieldType;

    use super::*;

    fn layout(fields: &[u32]) -> Option<Layout> {
        let tags: Vec<FieldTag> = fields.iter().map(|id| FieldTag::new(FieldId(*id), FieldType::Float)).collect();
        Layout::new(&tags)
    }

    #[test]
    fn fields_are_found_in_any_order() {
        for count in [1, 2, SEARCHED_MAX as u32, SEARCHED_MAX as u32 + 1, 300] {
            let ascending: Vec<u32> = (0..count).map(|n| n * 2).collect();
            let mixed: Vec<u32> = (0..count).map(|n| n * 7 % count * 2).collect();
            for fields in [ascending, mixed] {
                let Some(layout) = layout(&fields) else { continue };
                for (at, field) in fields.iter().enumerate() {
                    assert_eq!(layout.position(FieldId(*field)), Some(at));
                    assert_eq!(layout.position(FieldId(field + 1)), None);
                }
            }
        }
    }

    #[test]
    fn a_field_cannot_be_there_twice() {
        assert!(layout(&[3, 3]).is_none());
        assert!(layout(&[5, 3, 5]).is_none());
        assert!(layout(&[5, 3, 4]).is_some());
    }

    #[test]
    fn layouts_are_shared_while_they_are_remembered() {
        let mut recent = RecentLayouts::default();
        let tags = |id| [FieldTag::new(FieldId(id), FieldType::Integer)];
        let (first, memory) = recent.get_or_add(&tags(0)).unwrap();
        assert!(memory > 0);
        let (again, memory) = recent.get_or_add(&tags(0)).unwrap();
        assert!(Arc::ptr_eq(&first, &again) && memory == 0);
        for id in 1..100 {
            recent.get_or_add(&tags(id)).unwrap();
        }
        assert_eq!(recent.layouts.len(), RECENT_MAX);
        assert!(!Arc::ptr_eq(&first, &recent.get_or_add(&tags(0)).unwrap().0));
    }
}
