/* Loaded before libnice into foreign clients (`LD_PRELOAD`), as `libgupnp-igd-1.0.so.4`.

   Debian 12 links libnice against libsoup 3, and whip-client against libsoup 2, which refuse each
   other in one process. libnice needs libsoup for UPnP alone, by way of the library whose name this
   one bears.

   libnice offers every address of the machine but loopback. On a machine without a network there is
   no other, and the relay beside it could not be reached: then loopback passes for a network. */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <stddef.h>
#include <sys/socket.h>

void *gupnp_simple_igd_get_type(void) { return 0; }
void *gupnp_simple_igd_thread_new(void) { return 0; }
void gupnp_simple_igd_add_port(void) { }
void gupnp_simple_igd_remove_port_local(void) { }

int getifaddrs(struct ifaddrs **found)
{
    int (*real)(struct ifaddrs **) = (int (*)(struct ifaddrs **)) dlsym(RTLD_NEXT, "getifaddrs");
    int status = real(found);
    if (status != 0)
        return status;
    for (struct ifaddrs *one = *found; one != NULL; one = one->ifa_next)
        if (one->ifa_addr != NULL && one->ifa_addr->sa_family == AF_INET
            && !(one->ifa_flags & IFF_LOOPBACK))
            return status;
    for (struct ifaddrs *one = *found; one != NULL; one = one->ifa_next)
        one->ifa_flags &= ~(unsigned int) IFF_LOOPBACK;
    return status;
}
