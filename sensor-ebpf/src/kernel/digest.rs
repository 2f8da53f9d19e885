//! The digest of the sources that this object was built from, for those who hold only the object.

#[used]
#[unsafe(no_mangle)]
static SOURCE_DIGEST: [u8; DIGEST_LEN] = *digest();

const DIGEST_LEN: usize = b"sensor-source-digest:".len() + 64;

const fn digest() -> &'static [u8; DIGEST_LEN] {
    match option_env!("SENSOR_SOURCE_DIGEST") {
        Some(text) => match text.as_bytes().first_chunk() {
            Some(text) => text,
            None => panic!("SENSOR_SOURCE_DIGEST is not the text that cargo xtask build-ebpf sets"),
        },
        None => &[b'?'; DIGEST_LEN],
    }
}
