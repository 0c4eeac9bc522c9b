//! The tables of a generation: filled while it is idle, and switched to with one write.

use std::time::Instant;

use aya::Ebpf;
use aya::maps::{Array, MapData};
use kern::abi;

use super::error::{EngineError, map_error};
use super::generation::Generation;
use super::value::{ConfigValue, EntryValue, SetValue, StepValue};
use super::{Engine, batch};
use crate::family::ARCHES;
use crate::lower::Tables;

/// One of the object's arrays.
pub(super) fn array<'a, V: aya::Pod>(
    ebpf: &'a mut Ebpf,
    map: &'static str,
) -> Result<Array<&'a mut MapData, V>, EngineError> {
    let found = ebpf.map_mut(map).ok_or_else(|| EngineError::no_map(map))?;
    Array::try_from(found).map_err(map_error("open", map))
}

impl Engine {
    /// Writes the idle generation's tables.
    pub(super) fn fill(&mut self, tables: &Tables) -> Result<(), EngineError> {
        let next = self.config.generation.wrapping_add(1);
        let slot = next as usize % abi::GENERATIONS;
        let steps: Vec<StepValue> = tables.steps.iter().copied().map(StepValue).collect();
        batch::write(&self.ebpf, "ea_steps", slot * abi::STEPS, &steps)?;
        let sets: Vec<SetValue> = tables.sets.iter().copied().map(SetValue).collect();
        batch::write(&self.ebpf, "ea_sets", slot * abi::SETS, &sets)?;
        let base = slot * ARCHES.len() * abi::SYSCALLS;
        // Nothing is known of it any more should the writing fail half-way.
        let known = std::mem::take(&mut self.index[slot]);
        let changed = tables.index.iter().enumerate().filter(|(at, entry)| known.get(*at) != Some(entry));
        let (keys, entries): (Vec<u32>, Vec<EntryValue>) =
            changed.map(|(at, &entry)| ((base + at) as u32, EntryValue(entry))).unzip();
        batch::write_at(&self.ebpf, "ea_index", keys, entries)?;
        self.index[slot].clone_from(&tables.index);
        Ok(())
    }

    /// The one write that makes the idle generation the live one.
    pub(super) fn switch(&mut self, tables: Tables) -> Result<(), EngineError> {
        let before = self.config;
        let next = before.generation.wrapping_add(1);
        let slot = next as usize % abi::GENERATIONS;
        self.config.flags[slot] = tables.flags;
        self.config.task_first[slot] = tables.task_first;
        self.config.exclude_first[slot] = tables.exclude_first;
        self.config.ring[slot] = tables.ring;
        let generation = Generation { keys: tables.keys, hidden_filesystems: tables.hidden_filesystems };
        self.generations.add(next, generation);
        // First what belongs to the idle generation, then the number that makes it live.
        self.write_config().inspect_err(|_| self.config = before)?;
        self.config.generation = next;
        self.write_config().inspect_err(|_| self.config = before)?;
        self.exes = tables.exes;
        self.switched = Some(Instant::now());
        Ok(())
    }

    pub(super) fn write_config(&mut self) -> Result<(), EngineError> {
        let config = self.config;
        let mut map: Array<_, ConfigValue> = array(&mut self.ebpf, ".data.config")?;
        map.set(0, ConfigValue(config), 0).map_err(map_error("write", ".data.config"))
    }
}
