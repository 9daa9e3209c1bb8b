//! Which system calls are suspended: a classic BPF program over `struct seccomp_data`.

use core::mem::offset_of;

use libc::{
    BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, SECCOMP_RET_ALLOW,
    SECCOMP_RET_USER_NOTIF, c_long, seccomp_data, sock_filter,
};

/// `AUDIT_ARCH_*` of `linux/audit.h`: ELF machine, 64 bits, little endian.
#[cfg(target_arch = "x86_64")]
const ARCH: u32 = 0xC000_003E;
#[cfg(target_arch = "aarch64")]
const ARCH: u32 = 0xC000_00B7;

/// `_IOC_TYPE` of i2c-dev, at its place in a request code.
const I2C_TYPE: u32 = 0x07 << 8;
/// `_IOC_TYPE` of spidev.
const SPI_TYPE: u32 = (b'k' as u32) << 8;
/// `_IOC_TYPE` of GPIO chips and lines.
const GPIO_TYPE: u32 = super::gpiochip::TYPE << 8;
const TYPE_MASK: u32 = 0xFF << 8;

#[cfg(target_arch = "x86_64")]
pub(super) const OPENS: [c_long; 3] = [libc::SYS_openat, libc::SYS_openat2, libc::SYS_open];
#[cfg(not(target_arch = "x86_64"))]
pub(super) const OPENS: [c_long; 2] = [libc::SYS_openat, libc::SYS_openat2];

/// The program: opens and the ioctls of the three device families notify, all else is allowed.
pub(super) fn program() -> Vec<sock_filter> {
    let mut program = vec![
        load(offset_of!(seccomp_data, arch)),
        skip_if(ARCH, 1, 0),
        give(SECCOMP_RET_ALLOW), // A foreign architecture has other numbers.
        load(offset_of!(seccomp_data, nr)),
    ];
    for open in OPENS {
        program.extend([skip_if(number(open), 0, 1), give(SECCOMP_RET_USER_NOTIF)]);
    }
    program.extend([
        skip_if(number(libc::SYS_ioctl), 1, 0),
        give(SECCOMP_RET_ALLOW),
        load(offset_of!(seccomp_data, args) + 8), // The low half of the request code.
        statement(BPF_ALU | BPF_AND | BPF_K, TYPE_MASK),
        skip_if(I2C_TYPE, 3, 0),
        skip_if(SPI_TYPE, 2, 0),
        skip_if(GPIO_TYPE, 1, 0),
        give(SECCOMP_RET_ALLOW),
        give(SECCOMP_RET_USER_NOTIF),
    ]);
    program
}

/// Loads the 32-bit word at `offset`; both architectures are little endian.
fn load(offset: usize) -> sock_filter {
    statement(BPF_LD | BPF_W | BPF_ABS, u32::try_from(offset).unwrap_or(u32::MAX))
}

const fn give(verdict: u32) -> sock_filter {
    statement(BPF_RET | BPF_K, verdict)
}

const fn statement(code: u32, k: u32) -> sock_filter {
    jump(code, k, 0, 0)
}

/// Skips `equal` instructions if the accumulator is `value`, else `other`.
const fn skip_if(value: u32, equal: u8, other: u8) -> sock_filter {
    jump(BPF_JMP | BPF_JEQ | BPF_K, value, equal, other)
}

#[expect(clippy::cast_possible_truncation, reason = "every BPF opcode fits its 16 bits")]
const fn jump(code: u32, k: u32, jt: u8, jf: u8) -> sock_filter {
    sock_filter { code: code as u16, jt, jf, k }
}

fn number(call: c_long) -> u32 {
    u32::try_from(call).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the program as the kernel would.
    fn verdict(arch: u32, nr: u32, request: u32) -> u32 {
        let (program, mut at, mut accumulator) = (program(), 0, 0);
        loop {
            let step = program[at];
            at += 1;
            match u32::from(step.code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => {
                    accumulator = match step.k {
                        0 => nr,
                        4 => arch,
                        24 => request,
                        other => panic!("word {other} is none of ours"),
                    };
                }
                code if code == BPF_ALU | BPF_AND | BPF_K => accumulator &= step.k,
                code if code == BPF_JMP | BPF_JEQ | BPF_K => {
                    at += usize::from(if accumulator == step.k { step.jt } else { step.jf });
                }
                code if code == BPF_RET | BPF_K => return step.k,
                other => panic!("opcode {other:#x}"),
            }
        }
    }

    #[test]
    fn only_opens_and_the_three_device_families_are_suspended() {
        let ioctl = number(libc::SYS_ioctl);
        for open in OPENS {
            assert_eq!(verdict(ARCH, number(open), 0), SECCOMP_RET_USER_NOTIF);
        }
        // I2C_SLAVE, I2C_RDWR, SPI_IOC_MESSAGE(1), SPI_IOC_RD_MODE32, GPIO_V2_GET_LINE_IOCTL
        for request in [0x0703, 0x0707, 0x4020_6B00, 0x8004_6B05, 0xC250_B407] {
            assert_eq!(verdict(ARCH, ioctl, request), SECCOMP_RET_USER_NOTIF, "{request:#x}");
        }
        // TCGETS, FIONREAD, one whose number (not type) is 7
        for request in [0x5401, 0x541B, 0x4020_7407] {
            assert_eq!(verdict(ARCH, ioctl, request), SECCOMP_RET_ALLOW, "{request:#x}");
        }
        assert_eq!(verdict(ARCH, number(libc::SYS_read), 0x0703), SECCOMP_RET_ALLOW);
        assert_eq!(verdict(0x4000_0003, number(libc::SYS_openat), 0), SECCOMP_RET_ALLOW);
    }
}
