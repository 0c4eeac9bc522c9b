//! The contract's structs as map values that aya takes.

use kern::abi;

/// Wraps a contract struct so that aya takes it for a map value.
macro_rules! value {
    ($name:ident, $inner:ty) => {
        #[derive(Clone, Copy)]
        #[repr(transparent)]
        pub(super) struct $name(pub(super) $inner);
        // SAFETY: the inner type is repr(C), has no padding (zerocopy derives IntoBytes for it) and any bytes are a value
        // of it (FromBytes), and the wrapper is transparent.
        unsafe impl aya::Pod for $name {}
    };
}
value!(EntryValue, abi::Entry);
value!(StepValue, abi::Step);
value!(RoleValue, abi::Role);
value!(ExeValue, abi::Exe);
value!(ConfigValue, abi::Config);
value!(CountersValue, abi::Counters);
value!(ObjectValue, abi::Object);
value!(RunsValue, abi::Runs);
value!(TagsValue, abi::Tags);
value!(ChildValue, abi::Child);
value!(BoundValue, abi::Bound);
value!(EndValue, abi::End);
value!(SetValue, abi::Set);
value!(SheetValue, abi::Sheet);
value!(ContextValue, abi::Context);
value!(WaiterValue, abi::Waiter);
