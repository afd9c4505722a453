//! Where a connector's heap comes from.
//!
//! Growing a memory is a system call of the hub that holds up every thread of its process, and so is shrinking it again
//! for the next instance. The allocator of the standard library grows at the first allocation of each call, because
//! it starts with nothing. This is the same allocator with a first region that is part of the memory from the start;
//! its pages cost nothing until they are touched.
#![expect(unsafe_code, reason = "an allocator hands out raw memory")]

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::{Cell, UnsafeCell},
    ptr,
};

use dlmalloc::{Allocator, Dlmalloc};

/// Size of the first region in bytes: what most calls need.
const FIRST: usize = 512 << 10;

/// Size of a page of WebAssembly, in bytes.
const PAGE: usize = 64 << 10;

#[repr(align(16))]
struct Region(UnsafeCell<[u8; FIRST]>);

// SAFETY: a component has one thread.
unsafe impl Sync for Region {}

static REGION: Region = Region(UnsafeCell::new([0; FIRST]));

/// Gives the first region once, and then what growing the memory gives.
struct Pages {
    first_is_taken: Cell<bool>,
}

// SAFETY: what `alloc` gives is zeroed memory that nobody else has: the region is given once and is used by nothing
// else, and a grown page is new. Nothing is ever taken back.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= FIRST && !self.first_is_taken.replace(true) {
            return (REGION.0.get().cast(), FIRST, 0);
        }
        let pages = size.div_ceil(PAGE);
        match core::arch::wasm32::memory_grow::<0>(pages) {
            usize::MAX => (ptr::null_mut(), 0, 0),
            before => (ptr::with_exposed_provenance_mut(before * PAGE), pages * PAGE, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        ptr::null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}

struct Heap(UnsafeCell<Dlmalloc<Pages>>);

// SAFETY: a component has one thread, and the allocator does not call itself.
unsafe impl Sync for Heap {}

// SAFETY: every call is passed on as it is to an allocator with the same contract.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(pointer, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(pointer, layout.size(), layout.align(), size) }
    }
}

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Pages { first_is_taken: Cell::new(false) })));
