#include "backends/vulkan/vk.h"

#include <dlfcn.h>
#include <string.h>

#include "pw/status.h"

static PFN_vkVoidFunction global(PFN_vkGetInstanceProcAddr get, VkInstance instance,
                                 const char *name)
{
    return get(instance, name);
}

static pewter_status make_instance(pw_vk *vk, PFN_vkGetInstanceProcAddr get, pewter_error *err)
{
    PFN_vkCreateInstance create = (PFN_vkCreateInstance)global(get, NULL, "vkCreateInstance");
    PFN_vkEnumerateInstanceVersion version_of =
        (PFN_vkEnumerateInstanceVersion)global(get, NULL, "vkEnumerateInstanceVersion");
    uint32_t version = 0;
    if (create == NULL || version_of == NULL || version_of(&version) != VK_SUCCESS ||
        version < VK_API_VERSION_1_2)
        return pw_fail(err, PEWTER_E_UNSUPPORTED, "Vulkan 1.2 is wanted, the loader has %u.%u",
                       VK_API_VERSION_MAJOR(version), VK_API_VERSION_MINOR(version));
    const VkApplicationInfo app = {.sType = VK_STRUCTURE_TYPE_APPLICATION_INFO,
                                   .pApplicationName = "pewter",
                                   .apiVersion = VK_API_VERSION_1_2};
    const VkInstanceCreateInfo info = {.sType = VK_STRUCTURE_TYPE_INSTANCE_CREATE_INFO,
                                       .pApplicationInfo = &app};
    const VkResult result = create(&info, NULL, &vk->instance);
    if (result == VK_SUCCESS) return PEWTER_OK;
    vk->instance = NULL;
    return pw_fail(err, PEWTER_E_UNSUPPORTED, "Vulkan: vkCreateInstance: %s", pw_vk_words(result));
}

pewter_status pw_vk_open(pw_vk *vk, pewter_error *err)
{
    *vk = (pw_vk){.library = dlopen("libvulkan.so.1", RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE)};
    PFN_vkGetInstanceProcAddr get = NULL;
    if (vk->library != NULL) {
        void *found = dlsym(vk->library, "vkGetInstanceProcAddr");
        memcpy(&get, &found, sizeof get); /* C has no cast from data to functions */
    }
    if (get == NULL)
        return pw_fail(
            err, PEWTER_E_UNSUPPORTED,
            "no Vulkan loader on this machine (libvulkan.so.1): it comes with the drivers "
            "of a GPU, or as the package libvulkan1");
    PW_TRY(make_instance(vk, get, err));
    bool whole = true;
#define FIND(name)                                                                                 \
    vk->name = (PFN_vk##name)get(vk->instance, "vk" #name);                                        \
    whole = whole && vk->name != NULL;
    PW_VK_INSTANCE_FUNCTIONS(FIND)
#undef FIND
    return whole ? PEWTER_OK
                 : pw_fail(err, PEWTER_E_UNSUPPORTED, "the Vulkan loader lacks functions of 1.2");
}

pewter_status pw_vk_of_device(pw_vk *vk, VkDevice device, pewter_error *err)
{
    bool whole = true;
#define FIND(name)                                                                                 \
    vk->name = (PFN_vk##name)vk->GetDeviceProcAddr(device, "vk" #name);                            \
    whole = whole && vk->name != NULL;
    PW_VK_DEVICE_FUNCTIONS(FIND)
#undef FIND
    return whole ? PEWTER_OK
                 : pw_fail(err, PEWTER_E_UNSUPPORTED, "the Vulkan driver lacks functions of 1.2");
}

void pw_vk_close(pw_vk *vk)
{
    if (vk->instance != NULL && vk->DestroyInstance != NULL)
        vk->DestroyInstance(vk->instance, NULL);
    if (vk->library != NULL) dlclose(vk->library);
    *vk = (pw_vk){0};
}

const char *pw_vk_words(VkResult result)
{
    static const struct {
        VkResult result;
        const char *words;
    } known[] = {
        {VK_TIMEOUT, "time is over"},
        {VK_ERROR_OUT_OF_HOST_MEMORY, "out of host memory"},
        {VK_ERROR_OUT_OF_DEVICE_MEMORY, "out of device memory"},
        {VK_ERROR_INITIALIZATION_FAILED, "the driver could not be started"},
        {VK_ERROR_DEVICE_LOST, "the device is lost"},
        {VK_ERROR_MEMORY_MAP_FAILED, "memory could not be mapped"},
        {VK_ERROR_LAYER_NOT_PRESENT, "a layer is not there"},
        {VK_ERROR_EXTENSION_NOT_PRESENT, "an extension is not there"},
        {VK_ERROR_FEATURE_NOT_PRESENT, "a feature is not there"},
        {VK_ERROR_INCOMPATIBLE_DRIVER, "no driver that fits"},
        {VK_ERROR_TOO_MANY_OBJECTS, "too many objects"},
        {VK_ERROR_FRAGMENTED_POOL, "a pool is in pieces"},
        {VK_ERROR_INVALID_SHADER_NV, "the driver refuses a shader"},
    };
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (known[i].result == result) return known[i].words;
    return "it failed";
}
