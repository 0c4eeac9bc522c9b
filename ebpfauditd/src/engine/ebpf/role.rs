//! The table of the labels that `subj_role=` rules name.

use aya::Ebpf;
use kern::abi;

use super::error::{EngineError, map_error};
use super::follow::{ANY, Table, clear, table};
use super::value::RoleValue;

const ROLES: &str = "ea_roles";

/// Writes those of a generation that is idle, by their numbers.
pub(super) fn fill(ebpf: &mut Ebpf, slot: u32, roles: &[Vec<u8>]) -> Result<(), EngineError> {
    clear::<RoleValue, u32>(ebpf, ROLES, |key| key.0.generation == slot)?;
    let mut map: Table<'_, RoleValue, u32> = table(ebpf, ROLES)?;
    for (number, role) in (0..).zip(roles) {
        let mut name = [0; abi::ROLE_NAME];
        // what the rules name is shorter (role.rs)
        let length = role.len().min(name.len() - 1);
        name[..length].copy_from_slice(&role[..length]);
        let key = RoleValue(abi::Role { generation: slot, name });
        map.insert(key, number, ANY).map_err(map_error("write", ROLES))?;
    }
    Ok(())
}
