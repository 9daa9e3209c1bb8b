//! A device node that is opened when it is needed, and again after it has failed.

use std::{
    io,
    path::{Path, PathBuf},
};

use crate::BusError;

/// The path of a device node and, while all is well, the open handle `H` on it.
#[derive(Debug)]
pub(crate) struct Node<H> {
    path: PathBuf,
    handle: Option<H>,
    /// What went wrong last, and has been logged; cleared by success.
    told: Option<io::ErrorKind>,
}

impl<H> Node<H> {
    /// A node that is not open yet.
    pub(crate) const fn new(path: PathBuf) -> Self {
        Self { path, handle: None, told: None }
    }

    /// Does `transact` on the node, after `open` if it is not open.
    ///
    /// A failed transaction closes the node: the handle may be one on a device that is gone, and
    /// opening costs little compared with the pause that follows a failure.
    pub(crate) fn with<T>(
        &mut self,
        open: impl FnOnce(&Path) -> io::Result<H>,
        transact: impl FnOnce(&mut H) -> io::Result<T>,
    ) -> Result<T, BusError> {
        let opened = match self.handle.take() {
            Some(handle) => Ok(handle),
            None => open(&self.path),
        };
        let path = || self.path.clone();
        let outcome = opened.map_err(|source| BusError::Open { path: path(), source }).and_then(
            |mut handle| match transact(&mut handle) {
                Ok(outcome) => Ok((handle, outcome)),
                Err(source) => Err(BusError::Transaction { path: path(), source }),
            },
        );
        let (handle, outcome) = outcome.inspect_err(|fault| self.tell(fault))?;
        self.handle = Some(handle);
        self.told = None;
        Ok(outcome)
    }

    /// Logs a fault once, until it is another one: past this crate only its reason is known.
    fn tell(&mut self, fault: &BusError) {
        let (BusError::Open { source, .. } | BusError::Transaction { source, .. }) = fault;
        if self.told.replace(source.kind()) != Some(source.kind()) {
            tracing::warn!(cause = %source, "{fault}");
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_node_is_opened_once_until_a_transaction_fails_and_then_once_more() {
        let mut node = Node::new(PathBuf::from("/dev/imaginary"));
        let mut opened = 0;
        for (outcome, opened_by_then) in
            [(Ok(()), 1), (Ok(()), 1), (Err(Errno::NODEV), 1), (Ok(()), 2), (Ok(()), 2)]
        {
            let open = |_: &Path| {
                opened += 1;
                Ok(())
            };
            let result = node.with(open, |()| Ok(outcome?));
            assert_eq!(result.is_ok(), outcome.is_ok());
            assert_eq!(opened, opened_by_then);
        }
    }

    #[test]
    fn a_node_that_is_not_there_works_once_it_has_come() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("node");
        let mut node = Node::new(path.clone());
        let mut length =
            || node.with(|p| std::fs::File::open(p), |file| Ok(file.metadata()?.len()));
        assert!(matches!(length(), Err(BusError::Open { .. })));
        std::fs::write(&path, b"here").unwrap();
        assert_eq!(length().unwrap(), 4);
    }
}
